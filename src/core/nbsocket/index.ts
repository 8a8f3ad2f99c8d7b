/**
 * Network programs as straight-line code: sockets, and whatever else bytes come from and go to, by operations.
 *
 * @module syncless/nbsocket
 */
export type { SocketAddress } from './address.js'
export { byteSource } from './byte-input.js'
export { byteSink } from './byte-output.js'
export type { ByteSink, ByteSource } from './bytes.js'
export { type ConnectOptions, connect } from './connect.js'
export { nbconsole } from './console.js'
export {
  type GetAddrInfoOptions,
  getaddrinfo,
  gethostbyaddr,
  gethostbyname,
  gethostbyname_ex,
  type HostEntry,
} from './dns-hosts.js'
export {
  resolve4,
  resolve6,
  resolveAny,
  resolveCaa,
  resolveCname,
  resolveMx,
  resolveNaptr,
  resolveNs,
  resolvePtr,
  resolveSoa,
  resolveSrv,
  resolveTxt,
} from './dns-resolve.js'
export { type Resolver, type ResolverOptions, resolver } from './dns-resolver.js'
export { type LimitReader, type LimitReaderOptions, limitReader } from './limit-reader.js'
export {
  type Listener,
  type ListenerStatistics,
  type ListenOptions,
  listen,
  type Serve,
  type ServeOptions,
} from './listener.js'
export { type ByteDuplex, type BytePair, type NbFile, type NbFileOptions, nbfile } from './nbfile.js'
export { fromFd, fromSocket, type NbSocket, type SocketOptions } from './nbsocket.js'
export { type Pipe, type PipeReader, type PipeWriter, pipe } from './pipe.js'
export type { ExitStatus, Process } from './process.js'
export { type ExecOptions, type ExecResult, exec, ProcessFailed } from './process-exec.js'
export { type ProcessFile, popen } from './process-popen.js'
export { type SpawnProcessOptions, type StdioKind, spawnProcess } from './process-spawn.js'
export { type DelimiterOptions, type LineOptions, type NbReader, nbreader, type ReaderOptions } from './reader.js'
export type { TextEncoding } from './reader-text.js'
export type { PartialSend } from './send-all.js'
export { signals } from './signals.js'
export { SocketError } from './socket-error.js'
export { socketPair } from './socket-pair.js'
export type { ClientTlsOptions, ServerTlsOptions, StartTlsOptions, TlsState } from './tls.js'
export { bindUdp, type Datagram, type UdpOptions, type UdpSocket, type UdpTarget } from './udp.js'
export { type NbWriter, nbwriter, type WriterOptions } from './writer.js'
