export { type FetchBindings, type FetchFunction, fetchHandler } from '../adapters/fetch/fetch-handler.js'
export type {
  AppPolicy,
  HostPort,
  MountedApp,
  MountServer,
  PathRule,
  PathTrait,
  RequestTrace,
  TrustPolicy,
} from '../adapters/port.js'
export { createHost } from './create-host.js'
export type { Attachment } from './embedding/emit-tap.js'
export type { App, Host, HostHandler, Middleware } from './host.js'
export type { InjectedHead, InjectedResponse, InjectOptions, StreamedResponse } from './memory/inject.js'
export type { Difference } from './mounts/accepted-differences.js'
export type { HandOverOptions } from './mounts/hand-over-limit.js'
export type { MountOptions } from './mounts/mount-options.js'
export type { AdminOptions } from './operations/admin-port.js'
export type { CloseCallback } from './operations/close-callbacks.js'
export type { CloseOptions } from './operations/close-options.js'
export type { CloseReport } from './operations/close-report.js'
export type { HealthOptions, ReadinessCheck } from './operations/health.js'
export type { HostOptions, RunOptions } from './options.js'
export { passOn } from './request/pass-on.js'
export { requestScope } from './request/request-scope.js'
export { type TaskletHandler, taskletHandler } from './request/tasklet-handler.js'
export type { AdmissionOptions } from './stages/admission.js'
export type { LimitOptions, MountLimitOptions } from './stages/limits.js'
export { currentRequestId, type RequestIdOptions, requestId } from './stages/request-id.js'
export type { ListenAddress, Protocol } from './transport/listen-address.js'
export type { HostListenOptions } from './transport/listen-options.js'
export type { NodeHttpOptions } from './transport/node-http-engine.js'
export type { Http2Options } from './transport/node-http2-engine.js'
export type { TlsOptions } from './transport/tls.js'
