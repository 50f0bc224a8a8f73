/**
 * Names of unfinished work: `.NAME-building-OWNER-RANDOM` beside what it will become, `tartan-OWNER-RANDOM` for what is only needed
 * meanwhile. OWNER says which process made it, so that a later build can tell what a killed one left from what a living one needs.
 * The name itself says it: there is no moment when the folder is there and its owner is not known.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** machine . start of the machine . process . start of the process: two hashes and two numbers. */
const OWNER = String.raw`([0-9a-f]{8})\.([0-9a-f]{8})\.(\d+)\.(\d+)`
const STAGED_NAME = new RegExp(String.raw`^\.(.+)-building-${OWNER}-[0-9a-f]{8}(-old)?$`)
const TEMPORARY_NAME = new RegExp(`^tartan-${OWNER}-[0-9a-f]{8}$`)

/** Names that older versions gave; whose they are nobody knows. */
const UNOWNED_NAME = /^\..+-building-[A-Za-z0-9]{6}(?:-old)?$/

/** Whether the process that owns something runs. 'elsewhere': on another machine, or in another container, where nobody here can look. */
export type OwnerState = 'running' | 'gone' | 'elsewhere'

/** What a name says of something unfinished. */
export interface OwnedName {
  /** What it is to become: the last part of that path. Absent for temporary folders. */
  readonly target?: string
  /** Whether it is what stood at the target before, put aside while the new one takes its place. */
  readonly isOld: boolean
  /** Absent in names of old versions. */
  readonly owner?: readonly string[]
}

/** The path of something unfinished beside its target, unique and owned by this process. */
export async function stagedPath(target: string): Promise<string> {
  return join(dirname(target), `.${basename(target)}-building-${await ownerTag()}-${randomTail()}`)
}

export async function temporaryPath(parent: string): Promise<string> {
  return join(parent, `tartan-${await ownerTag()}-${randomTail()}`)
}

const randomTail = () => randomBytes(4).toString('hex')

/** `undefined` for the name of anything that no build made. */
export function parseOwnedName(name: string): OwnedName | undefined {
  const staged = STAGED_NAME.exec(name)
  if (staged) return { target: staged[1], isOld: staged[6] !== undefined, owner: staged.slice(2, 6) }
  const temporary = TEMPORARY_NAME.exec(name)
  if (temporary) return { isOld: false, owner: temporary.slice(1, 5) }
  return UNOWNED_NAME.test(name) ? { isOld: name.endsWith('-old') } : undefined
}

/** Whether an entry of a folder is unfinished work of some build. */
export const isStagedName = (name: string): boolean => STAGED_NAME.test(name) || UNOWNED_NAME.test(name)

/** `owner` as in an OwnedName. What cannot be found out counts as running: nothing of the living is ever taken. */
export async function ownerState([machine, boot, pid, started]: readonly string[]): Promise<OwnerState> {
  const here = await thisMachine()
  if (machine !== here.machine) return 'elsewhere'
  // Since the machine was started anew no process of before can be running.
  if (boot !== here.boot) return 'gone'
  if (!isRunning(Number(pid))) return 'gone'
  const start = await processStart(Number(pid))
  if (start === 'zombie') return 'gone'
  // Process numbers come round again.
  return start !== undefined && started !== '0' && start !== started ? 'gone' : 'running'
}

async function ownerTag(): Promise<string> {
  const { machine, boot } = await thisMachine()
  return `${machine}.${boot}.${process.pid}.${(await processStart(process.pid)) ?? 0}`
}

/**
 * Containers may share a disk and a host's name, and each counts its processes for itself, so the namespace of process numbers
 * belongs to the machine's identity. Where Linux's files are missing, the host's name and the process number have to do.
 */
async function thisMachine(): Promise<{ readonly machine: string; readonly boot: string }> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '')
  const [machineId, bootId, namespace] = await Promise.all([
    read('/etc/machine-id'),
    read('/proc/sys/kernel/random/boot_id'),
    readlink('/proc/self/ns/pid').catch(() => ''),
  ])
  const machine = [process.platform, hostname(), machineId, namespace].join('\n')
  return { machine: shortHash(machine), boot: shortHash(bootId) }
}

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8)

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs, for another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Ticks between the start of the machine and that of the process, from Linux's /proc; `undefined` elsewhere. */
async function processStart(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // "pid (name) state …": the name may hold anything. Of what follows it the state is the first field, the start the twentieth.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return 'zombie'
  return /^\d+$/.test(fields[19] ?? '') ? fields[19] : undefined
}
