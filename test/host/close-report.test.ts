import { type CloseReport, describeLeft } from '../../src/host/close-report.js'

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
  [{ errors: [new Error('no database'), 'late'] }, 'errors: no database, late'],
  [{ requests: ['GET /a'], upgrades: 1 }, 'requests without their answer: GET /a; upgraded connections: 1'],
])('%j is told in one line', (left, line) => {
  expect(describeLeft({ ...clean, clean: false, ...left })).toBe(line)
})
