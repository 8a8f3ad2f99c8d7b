import http from 'node:http'
import express from 'express'
import * as web from '../../../src/adapters/express/index.js'
import type { Item } from '../contract/participant.js'
import { webParticipant } from '../web-participant.js'

export const participant = webParticipant('express', web, async take => {
  const app = express()
  app.all('/', (req, res) => {
    take({
      req,
      res,
      upload: capacity => web.toChannel<Item>(req, { format: 'ndjson', capacity }),
      answer: (receiver, event) => web.drainTo(receiver, res, { format: 'sse', event }),
    })
  })
  return http.createServer(app)
})
