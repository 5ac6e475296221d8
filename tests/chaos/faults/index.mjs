// All faults, by name, in groups. A fault: { does, run(context), size?, isForFull?, leaveOut?() }.
//
//   does      what happens, as a person would say it
//   run       does it to the stack and puts the stack right again; healthy programs, not yet current clients, are
//             what it leaves behind. context: { stack, load, random, isQuick }
//   size      of a load of its own, if it needs one: options of the load test
//   isForFull  it is left out of the quick run, which would take more than five minutes with it
//   leaveOut  why it cannot be done on this machine, or undefined

import { clientFaults } from './client.mjs'
import { clockFaults } from './clock.mjs'
import { descriptorFaults } from './descriptors.mjs'
import { failpointFaults } from './failpoints.mjs'
import { freezeFaults } from './freeze.mjs'
import { killFaults } from './kill.mjs'
import { networkFaults } from './network.mjs'
import { postgresFaults } from './postgres.mjs'
import { redisFaults } from './redis.mjs'

/** { group: { name: fault } }; asks the stack's programs for their failpoints. */
export async function faultGroups(stack) {
  return {
    kill: killFaults,
    freeze: freezeFaults,
    redis: redisFaults,
    postgres: postgresFaults,
    network: networkFaults,
    client: clientFaults,
    clock: clockFaults,
    descriptors: descriptorFaults,
    failpoint: await failpointFaults(stack),
  }
}
