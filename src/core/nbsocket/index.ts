/**
 * Network programs as straight-line code: operations on sockets, processes, files and all other sources and sinks of
 * bytes.
 *
 * @module syncless/nbsocket
 */
export type { SocketAddress } from './bytes/address.js'
export { byteSource } from './bytes/byte-input.js'
export { byteSink } from './bytes/byte-output.js'
export type { ByteSink, ByteSource } from './bytes/byte-stream.js'
export type { PartialSend } from './bytes/send-all.js'
export { SocketError } from './bytes/socket-error.js'
export {
  type GetAddrInfoOptions,
  getaddrinfo,
  gethostbyaddr,
  gethostbyname,
  gethostbyname_ex,
  type HostEntry,
} from './dns/hosts.js'
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
} from './dns/resolve.js'
export { type Resolver, type ResolverOptions, resolver } from './dns/resolver.js'
export { type LimitReader, type LimitReaderOptions, limitReader } from './file/limit-reader.js'
export { type ByteDuplex, type BytePair, type NbFile, type NbFileOptions, nbfile } from './file/nbfile.js'
export { type DelimiterOptions, type LineOptions, type NbReader, nbreader, type ReaderOptions } from './file/reader.js'
export type { TextEncoding } from './file/reader-text.js'
export { type NbWriter, nbwriter, type WriterOptions } from './file/writer.js'
export { nbconsole } from './process/console.js'
export { type ExecOptions, type ExecResult, exec, ProcessFailed } from './process/exec.js'
export { type ProcessFile, popen } from './process/popen.js'
export type { ExitStatus, Process } from './process/process.js'
export { signals } from './process/signals.js'
export { type SpawnProcessOptions, type StdioKind, spawnProcess } from './process/spawn.js'
export { type ConnectOptions, connect } from './socket/connect.js'
export { fromFd, fromSocket } from './socket/from-socket.js'
export { listen } from './socket/listen.js'
export type { ListenOptions } from './socket/listen-options.js'
export type { Listener, ListenerStatistics, Serve, ServeOptions } from './socket/listener.js'
export type { NbSocket } from './socket/nbsocket.js'
export { type Pipe, type PipeReader, type PipeWriter, pipe } from './socket/pipe.js'
export type { SocketOptions } from './socket/socket-options.js'
export { socketPair } from './socket/socket-pair.js'
export type { ClientTlsOptions, ServerTlsOptions, StartTlsOptions, TlsState } from './socket/tls.js'
export { bindUdp, type Datagram, type UdpOptions, type UdpSocket, type UdpTarget } from './socket/udp.js'
