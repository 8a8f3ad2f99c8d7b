declare module 'supertest' {
  import type { Server } from 'node:http'
  export default function request(server: Server): { get(path: string): PromiseLike<{ text: string }> }
}
