/** The search page as a response: its Content-Security-Policy allows exactly the inline script and style that it holds. */

/**
 * The policy for a self-contained HTML page: its own inline `<script>` and `<style>` by SHA-256, requests to its own
 * origin, nothing else.
 *
 * @param html - inline elements must be written `<script>` or `<script type="module">`, and `<style>`
 */
export async function pagePolicy(html: string): Promise<string> {
  const scripts = await hashesOf(html, /<script(?: type="module")?>([\s\S]*?)<\/script>/g)
  const styles = await hashesOf(html, /<style>([\s\S]*?)<\/style>/g)
  return [
    "default-src 'none'",
    `script-src ${scripts || "'none'"}`,
    `style-src ${styles || "'none'"}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'self'",
    "require-trusted-types-for 'script'",
  ].join('; ')
}

async function hashesOf(html: string, pattern: RegExp): Promise<string> {
  const hashes: string[] = []
  for (const [, content = ''] of html.matchAll(pattern)) {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(content))
    hashes.push(`'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`)
  }
  return hashes.join(' ')
}
