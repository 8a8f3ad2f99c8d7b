import type { Answer } from './asked-channel.js'
import type { Decoder } from './decoder.js'

/** Asks `read` for chunks, and answers with what a decoder makes of them, one value at a time. */
export function decodedAnswers<T>(
  read: () => PromiseLike<Answer<Uint8Array>>,
  decoder: Decoder<T>,
): () => Answer<T> | PromiseLike<Answer<T>> {
  let decoded: readonly T[] = []
  let next = 0
  let ended = false
  const answer = (): Answer<T> | PromiseLike<Answer<T>> => {
    if (next < decoded.length) return { done: false, value: decoded[next++] as T }
    if (ended) return { done: true, value: undefined }
    return read().then(step => {
      ended = step.done === true
      decoded = step.done ? decoder.end() : decoder.push(step.value)
      next = 0
      return answer()
    })
  }
  return answer
}
