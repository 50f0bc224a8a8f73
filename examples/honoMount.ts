/** Mounts Tartan's routes in a Hono app of one's own: `node examples/honoMount.ts INDEX`, then /search/v1/search?q=… */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createApp } from 'tartan-search/http'
import { openIndex, openQueryEncoder, readPage } from 'tartan-search/node'

const [path, port = '8080'] = process.argv.slice(2)
if (!path) throw new Error('usage: node examples/honoMount.ts INDEX [PORT]')

const searcher = await openIndex(path)
const encoder = await openQueryEncoder(searcher.info)
const search = createApp({ indexes: searcher, encoder, page: await readPage() })

const app = new Hono()
app.get('/', (c) => c.text('The search page is at /search'))
app.route('/search', search)

serve({ fetch: app.fetch, port: Number(port) }, ({ port }) => console.log(`http://localhost:${port}/search`))
