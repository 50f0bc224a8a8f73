/** Runs the Worker of an example in workerd, bundled by wrangler from the example's own wrangler.toml, with storage that ends with it. */
import { join } from 'node:path'
import { createTestHarness, unstable_readConfig } from 'wrangler'
import { WRANGLER_ENV } from '../../lab/hosts/wranglerBundle.ts'
import type { Ask } from './searchCases.ts'

export interface RunningExample<Env> {
  /** Without a slash at the end. */
  readonly url: string
  readonly ask: Ask
  /** The Worker's own bindings. */
  readonly env: Env
  stop(): Promise<void>
}

/**
 * @param folder - of the example
 * @param options - `assets`: a folder instead of the one that wrangler.toml names
 */
export async function startWorkerExample<Env>(
  folder: string,
  options: { readonly assets?: string } = {},
): Promise<RunningExample<Env>> {
  Object.assign(process.env, WRANGLER_ENV)
  const configPath = join(folder, 'wrangler.toml')
  const { name, main, compatibility_date, alias, assets } = unstable_readConfig({ config: configPath })
  const withAssets = { name, main, compatibility_date, alias, assets: { ...assets, directory: options.assets } }
  const harness = createTestHarness({
    root: folder,
    workers: [options.assets === undefined ? { configPath } : { config: withAssets }],
  })
  try {
    const url = (await harness.listen()).url.origin
    const env = (await harness.getWorker().getEnv()) as Env
    return { url, env, ask: (path, init) => fetch(url + path, init), stop: () => harness.close() }
  } catch (error) {
    await harness.close()
    throw error
  }
}
