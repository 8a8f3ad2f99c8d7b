/**
 * Spans for the requests of hosts, through the application's OpenTelemetry.
 *
 * @module syncless/otel
 */
export { type TraceRequestsOptions, traceRequests } from './trace-requests.js'
