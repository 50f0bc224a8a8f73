/** What class names, roles and attributes say an element is: the vocabulary of documentation generators and of the web. */
import type { Element } from './tree.ts'

/** What an element is called: "" for one without class and id. */
export function namesOf(element: Element): string {
  const names = element.attributes.get('class') ?? ''
  const id = element.attributes.get('id')
  return hyphenated(id ? `${names} ${id}` : names)
}

/** Without the id, which may be an anchor. */
export function classesOf(element: Element): string {
  return hyphenated(element.attributes.get('class') ?? '')
}

/** Names as hyphenated words: `VPNav md-nav__item topNav` is `vp-nav md-nav-item top-nav`. */
function hyphenated(names: string): string {
  if (/^[a-z0-9 -]*$/.test(names) && !names.includes('--')) return names
  return names
    .replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3-$2$4')
    .toLowerCase()
    .replace(/[_:.]+/g, '-')
    .replace(/-{2,}/g, '-')
}

const parts = (words: string) => new RegExp(`(?:^|[\\s-])(?:${words.replace(/\s+/g, '|')})(?=$|[\\s-])`)

/** Ways through a site. Only where most of the text are links: such names also stand on wrappers and on real content. */
export const NAVIGATION = parts(
  `nav navbar navigation navigationbar navpath navheader navfooter navlinks navtab topnav bottomnav subnav navrow
  menu menubar tabs2 tabs3 sidebar sidenav sidemenu side-bar sphinxsidebar sphinxsidebarwrapper breadcrumbs? crumbs?
  pagination pager prev-next prevnext next-prev related related-pages post-nav page-nav skip skiplink rst-versions
  rst-footer-buttons footer-relations treenav quickview langs? toplang bottomlang share social sharing docnav
  article-nav gallery-nav site-map sitemap tag-list nextprev breadcrumb-nav path back-to-top`,
)
/** Tables of contents: left out where they lead to places on the same page, whose headings say the same. */
export const CONTENTS = parts('toc tocs table-of-contents tableofcontents contents on-this-page outline minitoc local')
/** "Link to this heading". */
export const PERMALINK = parts(
  'headerlink hash-link header-anchor anchor anchors anchorjs-link permalink heading-link heading-anchor sl-anchor-link anchor-link copiable-link copiable-anchor selflink self-link octicon-link td-heading-self-link headline-hash',
)
export const PERMALINK_TEXT =
  /^(permalink|permanent link|direct link|link|anchor|anchor link|copy link|section titled|jump)( (for|to|this|the|heading|section|here)\b.*|\s*[“"«].*)?$/i
export const SKIP_LINK =
  /^(skip|jump)( (to|over|the))+ |^skip (navigation|nav|menu|content|links?)\b|^zum (haupt)?inhalt\b|^aller au contenu|^saltar al contenido/i
export const EDIT_LINK =
  /^([^\p{L}]*)(edit (this )?(page|doc|on)\b.*|view (page )?source|show source|page source|improve this page|suggest (an )?(edits?|changes?)|report (an? )?(issue|bug|problem)( .*)?|open an? issue|print( this page)?|back to top|return to top|scroll to top)$/iu
export const LINE_NUMBERS = parts(
  'linenos lineno linenodiv line-number line-numbers ln-num hljs-ln-numbers hljs-ln-n rouge-gutter gutter src-line-numbers lnt ln blob-num',
)
/** Classes of buttons that are headings. */
export const LABEL = parts(
  'accordion accordion-button accordion-header accordion-trigger accordion-toggle accordion-title collapsible tablink tablinks tab-link tab-button tab-label faq-question question',
)
/** What buttons do; everything else that opens something names it. */
export const CONTROL_TEXT =
  /^(menu|on this page|in this article|(table of )?contents|search|close|open|copy|copied|share|print|more|less|next|previous|prev|back|top|settings|filters?|sort|ok|cancel|submit|send|reset|save|login|log in|sign (in|up)|theme|light|dark|auto|run|edit|reply|like|(toggle|expand|collapse|show|hide|open|close)( .*)?)\W*$/i
/** Whatever is shown over the page only when it is asked for. */
export const POPUP = parts('modal dialog popup popover tooltip toast lightbox snackbar overlay drawer offcanvas')
export const SEARCH = parts(
  'search searchbox searchbar search-bar docsearch doc-search algolia pagefind md-search search-dialog search-results site-search',
)
/** What a control opens: a reader reaches the text. */
export const PANEL = parts(
  'tab tabs tabpanel tab-panel tab-pane tab-content tabbed-content tabbed-block panel pane collapse collapsible collapsed accordion accordion-body answer answers toggle toggleable spoiler expand expandable expander details detail hint solution content body reveal fold variant slide',
)
export const CHIP = parts('badge badges tag label chip pill kbd key keys btn button keystroke keycap sl-badge vp-badge')
/** Icon fonts that name their signs by words ("chevron_right"), which turn into a picture. */
export const ICON_NAMES = parts(
  'material-icons material-icons-outlined material-symbols-outlined material-symbols-rounded material-symbols-sharp',
)
export const FOOTNOTES = parts('footnotes? endnotes? footnote-list references bibliography notes citations?')
export const PICKER = parts('version versions lang langs language languages locale theme themes color-scheme picker')

/** Banners that ask for consent: names of products, and what people call their own. */
export const CONSENT_BANNER = parts(
  `onetrust onetrust-consent-sdk onetrust-banner-sdk cookiebot cybot-cookiebot-dialog didomi didomi-host usercentrics osano osano-cm-window trustarc truste
  iubenda iubenda-cs-banner klaro cc-window cc-banner cookieconsent cookie-consent md-consent termly qc-cmp2-container qc-cmp sp-message-container
  cookies?-(?:banner|bar|notice|popup|modal|dialog|law|overlay|alert|disclaimer|prompt|toast|wrapper|container|message|warning) cookie-law-info cookienotice
  (?:gdpr|ccpa|consent|privacy)-(?:banner|bar|notice|popup|modal|dialog|overlay|manager|message|prompt)`,
)
/** Names that a text about consent may have as well. */
export const CONSENT = parts('cookies? gdpr ccpa consent')
export const CONSENT_TEXT =
  /\b(cookies?|consent|tracking|your privacy|partners\b[^.]*\b(store|access|process)|gdpr|datenschutz|confidentialité|privacidad)\b/i
/** What is said by no other text that has buttons to accept and reject. */
export const CONSENT_SURE = /\bcookies?\b|\bpartners\b[^.]*\b(store|access|process)/i
export const CONSENT_BUTTON =
  /\b(accept|agree|allow|reject|decline|deny|got it|understood|necessary|preferences|settings|ok|okay|akzeptieren|ablehnen|zustimmen|accepter|refuser|aceptar|rechazar)\b/i

export const ADVERT = parts(
  'ad ads adsbygoogle adsense advert adverts advertisement advertisements advertising ad-banner banner-ad ad-slot ad-unit ad-container ad-wrapper ad-placeholder adbox ad-box carbonads carbon-ads carbon-wrap ethical-ad ethical-ads ethical-sidebar ea-placement google-ad google-ads google-auto-placed gpt-ad dfp-ad dfp taboola outbrain sponsored sponsored-content promoted-content promo promo-banner',
)
/** Names that only adverts have: of those who deliver them, and of their places. */
export const ADVERT_PLACE = parts(
  'adsbygoogle ad-banner banner-ad ad-slot ad-unit ad-container ad-wrapper ad-placeholder adbox ad-box carbonads carbon-ads carbon-wrap ethical-ad ethical-ads ethical-sidebar ea-placement google-ad google-ads google-auto-placed gpt-ad dfp-ad dfp taboola outbrain',
)
export const ADVERT_WORD = /\b(ads? (by|via)|sponsored|sponsors?|advert(isement)?|promoted|anzeige|werbung)\b/i
export const ADVERT_TEXT =
  /^\W*(ad|ads|advert|advertisement|anzeige|werbung|publicité|publicidad|sponsored|promoted)\W*$/i

export const FOOTER_TEXT =
  /©|\(c\)|\bcopyright\b|\ball rights reserved\b|\b(powered|built|made) (by|with)\b|\bgenerated (by|on|with)\b|\blast (updated|modified|built|changed)\b|\bprivacy policy\b|\bterms of (use|service)\b|\bimprint\b|\bimpressum\b|\bwas this page helpful\b/i

/** All that search boxes say; elements that are called so may as well be about rescue. */
export const SEARCH_TEXT =
  /^(?:[^\p{L}\p{N}]|\b(?:search|searching|find|go|loading|initializing|no|matches|results?|found|the|this|our|in|docs?|documentation|site|website|book|pages?|wiki|ctrl|cmd|control|command|k|s|esc|close|clear|suchen?|rechercher|buscar)\b|搜索|検索|검색)*$/iu
/** Over a list of the page's own headings. */
export const CONTENTS_TITLE =
  /^\W*(on this page|in this (article|section|guide|document)|(table of )?contents|page contents|auf dieser seite|inhalt(sverzeichnis)?|sur cette page|sommaire|en esta página)\b\W*/i
export const FEEDBACK =
  /^\W*((was|is|did|were|do) (this|that|the|you|we)\b.{0,40}\b(helpful|useful|help you|(solve|answer) your|find what you)|(rate|how (would you rate|do you like)) this (page|article|doc|topic)|how helpful was|war diese seite hilfreich|cette page vous a-t-elle)/i
export const SUBSCRIBE =
  /\b(subscribe|subscription|newsletters?|mailing list|abonnieren|s.abonner|inscrivez|suscr[ií]b)/i
export const CHAT = parts(
  'chat chat-widget chat-bubble chat-box chatbox chat-bot chatbot chat-launcher live-chat livechat intercom intercom-container drift drift-widget crisp crisp-client tawk zopim zendesk hubspot-messages',
)
export const CHAT_TEXT = /\b(chat|how (can|may) (we|i) help|ask (us|me|ai)|message us|support|agent|assistant)\b/i
export const CRUMBS = /\bbread-?crumbs?\b|\bcrumbs?\b/i
