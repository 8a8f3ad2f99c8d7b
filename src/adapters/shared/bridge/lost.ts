import { Channel, type Receiver } from '../../../core/channel/channel.js'

/** Counts a value as dropped that was taken in the turn in which its sink went. */
export function countLost(receiver: Receiver<unknown>): void {
  if (receiver instanceof Channel) receiver.countDropped()
}
