/** workerd's Cache API at an address: GET looks up, PUT keeps. */
const { default: cache } = caches as CacheStorage & { readonly default: Cache }

export default {
  async fetch(request: Request): Promise<Response> {
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1))
    if (request.method !== 'PUT') return (await cache.match(key)) ?? new Response(null, { status: 404 })
    const headers = { 'cache-control': request.headers.get('cache-control') ?? '' }
    await cache.put(key, new Response(await request.arrayBuffer(), { headers }))
    return new Response(null, { status: 204 })
  },
}
