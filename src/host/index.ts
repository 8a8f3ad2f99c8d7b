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
export { type FetchBindings, type FetchFunction, fetchHandler } from '../adapters/registry.js'
export type { Difference } from './accepted-differences.js'
export type { AdminOptions } from './admin.js'
export type { AdmissionOptions } from './admission.js'
export type { Attachment } from './attach.js'
export type { CloseCallback } from './close-callbacks.js'
export type { CloseOptions } from './close-options.js'
export type { CloseReport } from './close-report.js'
export { createHost } from './create-host.js'
export type { HandOverOptions } from './hand-over-limit.js'
export type { HealthOptions, ReadinessCheck } from './health.js'
export type { App, Host, HostHandler, Middleware } from './host.js'
export type { InjectedHead, InjectedResponse, InjectOptions, StreamedResponse } from './inject.js'
export type { LimitOptions, MountLimitOptions } from './limits.js'
export type { ListenAddress, Protocol } from './listen-address.js'
export type { HostListenOptions } from './listen-options.js'
export type { MountOptions } from './mount-options.js'
export type { NodeHttpOptions } from './node-http-engine.js'
export type { Http2Options } from './node-http2-engine.js'
export type { HostOptions, RunOptions } from './options.js'
export { passOn } from './pass-on.js'
export { currentRequestId, type RequestIdOptions, requestId } from './request-id.js'
export { requestScope } from './request-scope.js'
export { type TaskletHandler, taskletHandler } from './tasklet-handler.js'
export type { TlsOptions } from './tls.js'
