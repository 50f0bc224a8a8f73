/** Building graphs: what is refused, and that what is built runs. */
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../onnx/graphBuilder.ts'
import { writeModel } from '../../onnx/model.ts'
import { openOnnxSession } from '../../runtime/platform/node/onnxNode.ts'

const modelError = (message: RegExp) =>
  expect.objectContaining({ code: 'MODEL', message: expect.stringMatching(message) })

describe('GraphBuilder', () => {
  it('builds a graph with constants and attributes that ONNX Runtime runs', async () => {
    const graph = new GraphBuilder('affine')
    const x = graph.input('x', 'float32', ['rows', 2])
    const scaled = graph.node('scaled', 'LeakyRelu', [x], { alpha: { float: 0.5 } })
    const shift = graph.initializer('shift', 'float32', [2], Float32Array.of(10, 20))
    const moved = graph.node('moved', 'Add', [scaled, shift])
    graph.output(graph.node('swapped', 'Transpose', [moved], { perm: { ints: [1, 0] } }), 'float32', [2, 'rows'])
    const session = await openOnnxSession(writeModel(graph.build()), { threads: 1 })
    const { swapped } = await session.run({ x: { type: 'float32', data: Float32Array.of(1, -2, 3, 4), dims: [2, 2] } })
    await session.close()
    // By hand: [[1, -1], [3, 4]] + [10, 20] = [[11, 19], [13, 24]], transposed.
    expect(swapped?.dims).toEqual([2, 2])
    expect(Array.from(swapped?.data as Float32Array)).toEqual([11, 13, 19, 24])
  })

  it('gives the second output of an operator its own name', async () => {
    const graph = new GraphBuilder('top')
    const x = graph.input('x', 'float32', ['n'])
    const [best, place] = graph.nodeOf(['best', 'place'], 'TopK', [x, graph.integers('k', [1])])
    graph.output(best!, 'float32', [1])
    graph.output(place!, 'int64', [1])
    const session = await openOnnxSession(writeModel(graph.build()), { threads: 1 })
    const answer = await session.run({ x: { type: 'float32', data: Float32Array.of(5, 9, 7), dims: [3] } })
    await session.close()
    expect(answer.best?.data).toEqual(Float32Array.of(9))
    expect(answer.place?.data).toEqual(BigInt64Array.of(1n))
  })

  it('refuses a node that reads a value nothing made', () => {
    const graph = new GraphBuilder('g')
    expect(() => graph.node('y', 'Neg', ['x'])).toThrow(modelError(/node "y" \(Neg\) reads "x"/))
  })

  it('refuses a name that is used twice', () => {
    const graph = new GraphBuilder('g')
    graph.input('x', 'float32', [1])
    expect(() => graph.scalar('x', 1)).toThrow(modelError(/"x" is used twice/))
  })

  it('refuses to build a graph with a value that nothing reads', () => {
    const graph = new GraphBuilder('g')
    const x = graph.input('x', 'float32', [1])
    graph.node('idle', 'Neg', [x])
    graph.output(x, 'float32', [1])
    expect(() => graph.build()).toThrow(modelError(/"idle" is computed but nothing reads it/))
  })

  it('refuses to build a graph without outputs', () => {
    expect(() => new GraphBuilder('g').build()).toThrow(modelError(/at least one output/))
  })

  it('refuses a constant whose data has not the size of its shape', () => {
    const graph = new GraphBuilder('g')
    expect(() => graph.initializer('c', 'float32', [2, 3], new Float32Array(5))).toThrow(
      modelError(/expected 24 bytes.*got 20/),
    )
  })

  it('refuses operator sets below 17', () => {
    expect(() => new GraphBuilder('g', { opset: 13 })).toThrow(modelError(/17 or newer, got 13/))
  })
})
