/** Nearest neighbours within a table of vectors as an ONNX graph: what similarity orders are made of. */
import { GraphBuilder } from './graphBuilder.ts'
import { writeModel } from './model.ts'
import { type CentroidTable, transpose } from './quantiserGraphs.ts'

/** Model: `vectors` f32[rows][dim] → `neighbours` i32[rows][count] and their `products`, the largest first, equal ones by number. */
export function neighbourModel(table: CentroidTable, count: number): Uint8Array {
  const graph = new GraphBuilder('neighbours')
  const vectors = graph.input('vectors', 'float32', ['rows', table.dim])
  const transposed = graph.initializer('tableTransposed', 'float32', [table.dim, table.count], transpose(table))
  const scores = graph.node('scores', 'MatMul', [vectors, transposed])
  graph.nodeOf(['products', 'indexes'], 'TopK', [scores, graph.integers('count', [count])], {
    axis: { int: 1 },
    largest: { int: 1 },
    sorted: { int: 1 },
  })
  graph.output('products', 'float32', ['rows', count])
  graph.output(graph.node('neighbours', 'Cast', ['indexes'], { to: { int: 6 } }), 'int32', ['rows', count])
  return writeModel(graph.build())
}
