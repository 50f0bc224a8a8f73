/** A Worker with nothing in it: what starting workerd and asking it takes by itself. */
export default { fetch: (): Response => new Response('ready') }
