import type { Socket } from 'node:net'

/** The first byte of a TLS client: the type of a handshake record. No method of HTTP begins with it. */
export const TLS_HANDSHAKE = 22

/** Calls `then` with the first byte that a client sends, which stays in the socket. A client that ends is let go. */
export function peekFirstByte(socket: Socket, then: (byte: number) => void): void {
  const look = () => {
    const head: Buffer | null = socket.read(1)
    const byte = head?.[0]
    if (head === null || byte === undefined) return
    socket.off('readable', look).off('end', end)
    socket.unshift(head)
    then(byte)
  }
  const end = () => socket.destroy()
  socket.on('readable', look).on('end', end)
}
