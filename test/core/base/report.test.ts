import { report } from '../../../src/core/base/report.js'
import { SynclessError } from '../../../src/core/index.js'

const plain = new Error('plain')
const coded = new SynclessError('UNKILLABLE', 'coded')
const numbered = Object.assign(new Error('numbered'), { code: 5 })

test.each<[error: unknown, message: string, code: string | undefined]>([
  [plain, 'what: plain', undefined],
  [coded, 'what: coded', 'UNKILLABLE'],
  [numbered, 'what: numbered', undefined],
  ['text', "what: 'text'", undefined],
  [undefined, 'what: undefined', undefined],
  [null, 'what: null', undefined],
  [{ code: 'X' }, "what: { code: 'X' }", undefined],
])('%p becomes a warning of the process, with its code where it has one', (error, message, code) => {
  const emit = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  try {
    report(error, 'what')
    const [text, options] = emit.mock.calls[0] as unknown as [string, { type: string; detail: string; code?: string }]
    expect(text).toBe(message)
    expect(options).toMatchObject({ type: 'SynclessWarning', detail: expect.stringContaining(message.slice(6)) })
    expect(options.code).toBe(code)
  } finally {
    emit.mockRestore()
  }
})

const throwing = () => {
  throw new Error('of the getter')
}

test.each<[what: string, error: unknown]>([
  ['a getter that throws', Object.defineProperty(new Error('x'), 'message', { get: throwing })],
  ['a code that throws', Object.defineProperty(new Error('x'), 'code', { get: throwing, enumerable: true })],
  ['a symbol', Object.assign(new Error('x'), { message: Symbol('s') })],
  ['an object without a text', Object.assign(new Error('x'), { message: { toString: throwing } })],
  ['a proxy that throws', new Proxy(new Error('x'), { get: throwing, has: throwing, getPrototypeOf: throwing })],
])('an error whose message is %s is a warning, too', (_what, error) => {
  const emit = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  try {
    report(error, 'what')
    expect(emit.mock.calls).toEqual([
      [expect.stringMatching(/^what: ./), expect.objectContaining({ type: 'SynclessWarning' })],
    ])
  } finally {
    emit.mockRestore()
  }
})
