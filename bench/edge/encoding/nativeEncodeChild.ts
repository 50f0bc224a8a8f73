/** Encodes queries by onnxruntime-node in a process of its own: what the other hosts are compared with. */
import { openModel } from '../../../runtime/platform/node/encoderNode.ts'
import { answerParent, peakRssMb } from '../../harness/freshProcess.ts'

export interface NativeTask {
  readonly queries: readonly string[]
  readonly threads: number
}

export interface NativeReport {
  /** Files read and checked, model started. */
  readonly openMs: number
  /** Of each query, the first included. */
  readonly queryMs: readonly number[]
  readonly peakRssMb: number
}

answerParent<NativeTask, NativeReport>(async ({ queries, threads }) => {
  const started = performance.now()
  const encoder = await openModel('tartan-small', { threads })
  const openMs = performance.now() - started
  const queryMs: number[] = []
  for (const query of queries) {
    const asked = performance.now()
    await encoder.encodeQuery(query)
    queryMs.push(performance.now() - asked)
  }
  await encoder.close()
  return { openMs, queryMs, peakRssMb: peakRssMb() }
})
