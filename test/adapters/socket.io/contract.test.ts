import { contract } from '../contract/contract.js'
import { participant } from './participant.js'

contract(participant)
