import { SynclessError } from '../../../src/core/index.js'
import { type CloseReport, describeLeft } from '../../../src/host/operations/close-report.js'

const clean: CloseReport = {
  clean: true,
  requests: [],
  tasklets: 0,
  upgrades: 0,
  connections: 0,
  mounts: [],
  errors: [],
}

test.each<[Partial<CloseReport>, string]>([
  [{}, ''],
  [{ requests: ['GET /a', 'POST /b'] }, 'requests without their answer: GET /a, POST /b'],
  [{ tasklets: 2 }, 'tasklets of requests: 2'],
  [{ upgrades: 3 }, 'upgraded connections: 3'],
  [{ connections: 4 }, 'other connections: 4'],
  [{ mounts: ['/api', '/'] }, 'apps that had not closed: /api, /'],
  [
    {
      errors: [
        new TypeError('secret'),
        Object.assign(new Error('secret'), { code: 'ECONNREFUSED' }),
        'secret',
        new SynclessError('TIMEOUT', 'the onClose callback "pool" had not finished'),
      ],
    },
    'errors: TypeError, ECONNREFUSED, a thrown string, the onClose callback "pool" had not finished',
  ],
  [{ requests: ['GET /a'], upgrades: 1 }, 'requests without their answer: GET /a; upgraded connections: 1'],
])('%j is told in one line', (left, line) => {
  expect(describeLeft({ ...clean, clean: false, ...left })).toBe(line)
})
