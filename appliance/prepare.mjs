/**
 * What must be there before anything of ours can run: packages, tools, the built UI. Then the command itself, under the
 * Node that came with the packages. Plain JavaScript for Node 20, without a dependency: it runs before there are any.
 *
 *   node appliance/prepare.mjs [--test] -- appliance/cli.ts demo …
 *
 * Says one line for each thing it has to do, nothing when all is there. Several at once wait for each other.
 */
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmOf, packagedNode } from './programs.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const BIN = join(ROOT, 'node_modules', '.bin')
const NODE = packagedNode(process.platform, ROOT)
const LEAST_NODE = 20
const LOCK = join(ROOT, '.viewshed', 'prepare.lock')
const LOCK_LOOK_MS = 200
const LOCK_TOUCH_MS = 2_000
const LOCK_DEAD_MS = 20_000
/** Tools with which tests make hosts, links and clocks of their own (only root can run those), and a broker as people have one, by their packages. Where one is missing its tests are skipped. */
const WISHES = { ip: 'iproute2', tc: 'iproute2', iptables: 'iptables', faketime: 'faketime', mosquitto: 'mosquitto', openssl: 'openssl', sshd: 'openssh-server' }

const split = process.argv.indexOf('--')
const own = process.argv.slice(2, split < 0 ? undefined : split)
const command = split < 0 ? [] : process.argv.slice(split + 1)
const testing = own.includes('--test')
const unknown = own.find((word) => word !== '--test')
if (unknown !== undefined) fail(`unknown option ${unknown}; usage: node appliance/prepare.mjs [--test] -- COMMAND …`, 2)

if (Number(process.versions.node.split('.')[0]) < LEAST_NODE)
  fail(`Viewshed needs Node ${LEAST_NODE} or newer; this is ${process.version}. Get one at https://nodejs.org or from your distribution.`)

const steps = [
  { name: 'packages', missing: packagesMissing, make: installPackages },
  { name: 'tools', missing: toolsMissing, make: installTools },
  { name: 'test tools', missing: wishesMissing, make: installWishes, wished: true },
  { name: 'interface', missing: uiMissing, make: buildUi },
]
if (steps.some(({ missing }) => missing() !== null)) await locked(async () => {
  for (const { name, missing, make, wished } of steps) {
    const why = missing() // again: another one may have done it meanwhile
    if (why === null) continue
    process.stderr.write(`  ${name.padEnd(10)} ${why} … `)
    const started_ms = Date.now()
    await make(why)
    process.stderr.write(`${Math.max(1, Math.round((Date.now() - started_ms) / 1000))} s\n`)
    const still = missing()
    if (still === null) continue
    if (!wished) fail(`${name}: ${still}, and setting it up has not mended that.`)
    process.stderr.write('  they could not be installed: tests that need them are skipped\n')
  }
})
if (command.length > 0) await hand(command)

// Packages

/** Why `npm ci` has to run; null when what is installed is what the lock file names. */
function packagesMissing() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json') // npm writes it last
  if (!existsSync(installed) || !existsSync(NODE)) return 'install'
  const has = JSON.parse(readFileSync(installed, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  for (const [path, { version, optional, dev, devOptional, link }] of Object.entries(wanted)) {
    if (path === '' || link) continue
    if (has[path] === undefined ? !optional && !((dev || devOptional) && !testing) : has[path].version !== version) return 'update'
  }
  return null
}

async function installPackages() {
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', NO_UPDATE_NOTIFIER: '1', npm_config_update_notifier: 'false' }
  const options = ['--no-audit', '--no-fund', '--loglevel=error', ...(testing ? ['--include=dev'] : [])]
  const [program, ...words] = npmOf(process.platform, { execPath: process.execPath, npm_execpath: process.env.npm_execpath })
  const npm = (...args) => quietly(program, [...words, ...args, ...options], env)
  let { code, said } = await npm('ci')
  // A lock file that one npm wrote can look incomplete to another: then the same versions by the slower way, and it stays as it is.
  if (code !== 0 && said.includes('EUSAGE')) ({ code, said } = await npm('install', '--no-save'))
  if (code !== 0) fail(`npm could not install the packages:\n${said}\n  Mend that, then start again: what was done is kept.`)
}

// Tools

function toolsMissing() {
  const missing = ['ffmpeg', 'ffprobe', ...(process.platform === 'win32' ? [] : ['perl'])].filter((tool) => !onPath(tool)) // exiftool is a perl program there
  if (testing && !['chromium', 'chromium-browser', 'google-chrome'].some(onPath)) missing.push('chromium')
  return missing.length === 0 ? null : `install ${missing.join(', ')}`
}

async function installTools(why) {
  const packages = [...new Set(why.replace('install ', '').split(', ').map((tool) => (tool === 'ffprobe' ? 'ffmpeg' : tool)))]
  const may = aptAllowed()
  if (!may) fail(`${packages.join(' and ')} ${packages.length === 1 ? 'is' : 'are'} not installed, and only you may do that. Type:\n\n    ${byHand(packages)}\n\n  Then start again.`)
  const { code, said } = await aptInstall(may, packages)
  if (code !== 0) fail(`apt-get could not install ${packages.join(', ')}:\n${said}\n  Mend that, or type:\n\n    ${byHand(packages)}`)
}

function wishesMissing() {
  if (!testing || process.getuid?.() !== 0 || !onPath('apt-get')) return null
  const missing = Object.keys(WISHES).filter((tool) => !onPath(tool))
  return missing.length === 0 ? null : `install ${missing.join(', ')}`
}

async function installWishes(why) {
  await aptInstall([], [...new Set(why.replace('install ', '').split(', ').map((tool) => WISHES[tool]))])
}

/** Words before apt-get; null: we may not. */
function aptAllowed() {
  if (!onPath('apt-get')) return null
  if (process.getuid?.() === 0) return []
  return onPath('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND'] : null
}

async function aptInstall(may, packages) {
  const apt = (...args) => {
    const [first, ...rest] = [...may, 'apt-get', '-o', 'DPkg::Lock::Timeout=120', '-qq', ...args]
    return quietly(first, rest, { ...process.env, DEBIAN_FRONTEND: 'noninteractive' })
  }
  const lists = await apt('update')
  const { code, said } = await apt('install', '-y', '--no-install-recommends', ...packages)
  return { code, said: `${lists.code === 0 ? '' : lists.said}${said}` }
}

function byHand(packages) {
  const list = packages.join(' ')
  if (onPath('apt-get')) return `sudo apt-get update && sudo apt-get install -y ${list}`
  if (onPath('dnf')) return `sudo dnf install -y ${list.replace('ffmpeg', 'ffmpeg-free')}`
  if (onPath('pacman')) return `sudo pacman -S --needed ${list}`
  if (onPath('apk')) return `sudo apk add ${list}`
  if (onPath('zypper')) return `sudo zypper install ${list}`
  if (onPath('brew') || process.platform === 'darwin') return `brew install ${list}`
  if (process.platform === 'win32') return `winget install Gyan.FFmpeg`
  return `(your package manager) install ${list}`
}

function onPath(tool) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, process.platform === 'win32' ? `${tool}.exe` : tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

// The UI

function uiMissing() {
  if (!existsSync(join(ROOT, 'ui', 'index.html'))) return null
  const built = join(ROOT, 'ui', 'dist', 'index.html')
  if (!existsSync(built)) return 'build'
  const built_ms = statSync(built).mtimeMs
  const sources = ['ui', 'core/http', 'core/contract', 'plugins', 'package-lock.json']
  return sources.some((path) => newest_ms(join(ROOT, path)) > built_ms) ? 'build again' : null
}

/** Of the files that go into the interface. */
function newest_ms(path) {
  const { mtimeMs } = statSync(path)
  if (!statSync(path).isDirectory()) return mtimeMs
  return readdirSync(path).reduce((newest, name) => {
    if (name === 'dist' || name === 'test' || name === 'node_modules' || name.startsWith('.') || name.includes('.test.')) return newest
    const inside = join(path, name)
    const counts = statSync(inside).isDirectory() || !path.includes(`${join(ROOT, 'plugins')}`) || name.endsWith('.svelte')
    return counts ? Math.max(newest, newest_ms(inside)) : newest
  }, 0)
}

async function buildUi() {
  // Beside, then swapped: an appliance that is running goes on serving whole files.
  const fresh = join(ROOT, 'node_modules', `.viewshed-ui-${process.pid}`)
  const old = `${fresh}-old`
  const dist = join(ROOT, 'ui', 'dist')
  try {
    const { code, said } = await quietly(NODE, [join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', 'ui', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'error'], withOurNode())
    if (code !== 0) fail(`the interface could not be built:\n${said}`)
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(fresh, dist)
  } finally {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true })
  }
}

// One at a time

/** A file that its holder touches again and again; one that nobody has touched for a while is that of a dead one, and taken over. */
async function locked(work) {
  for (let looks = 0; !taken(); looks++) {
    if (looks === 1) process.stderr.write('  waits for another start that is setting things up\n')
    await new Promise((done) => setTimeout(done, LOCK_LOOK_MS))
  }
  const alive = setInterval(touch, LOCK_TOUCH_MS)
  process.on('exit', () => rmSync(LOCK, { force: true }))
  const stop = (signal) => process.exit(signal === 'SIGINT' ? 130 : 143)
  process.on('SIGINT', stop).on('SIGTERM', stop)
  await work()
  clearInterval(alive)
  process.off('SIGINT', stop).off('SIGTERM', stop).removeAllListeners('exit')
  rmSync(LOCK, { force: true })
}

function taken() {
  try {
    mkdirSync(dirname(LOCK), { recursive: true })
    writeFileSync(LOCK, `${process.pid} ${Date.now()}`, { flag: 'wx' })
    return true
  } catch (e) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(e.code)) fail(`Set-up has to write into ${ROOT}, and may not. Start as the user to whom it belongs, or in a copy of your own.`)
    if (e.code !== 'EEXIST') throw e
  }
  const dead = `${LOCK}.${process.pid}`
  try {
    const holder = readFileSync(LOCK, 'utf8')
    if (Date.now() - statSync(LOCK).mtimeMs < LOCK_DEAD_MS) return false
    renameSync(LOCK, dead) // only one of those who wait can
    // Between the look and the rename another may have taken it over: then it is theirs, and goes back.
    if (readFileSync(dead, 'utf8') !== holder && !existsSync(LOCK)) renameSync(dead, LOCK)
    else rmSync(dead, { force: true })
  } catch (e) {
    if (e.code !== 'ENOENT') throw e
  }
  return false
}

function touch() {
  try {
    utimesSync(LOCK, new Date(), new Date())
  } catch (e) {
    if (e.code !== 'ENOENT') throw e
  }
}

// Programs

/** Runs to its end; what it says is kept for the case that it fails. */
function quietly(program, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], shell: false })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { said = (said + text).slice(-8000) })
    const stop = () => child.kill('SIGTERM')
    process.once('exit', stop)
    child.once('error', (e) => (e.code === 'ENOENT' ? fail(`${basename(program)} is not on the PATH.`) : reject(e)))
    child.once('close', (code) => {
      process.off('exit', stop)
      resolve({ code, said: said.trim().replaceAll(/^/gm, '    ') })
    })
  })
}

function withOurNode() {
  return { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}`, INIT_CWD: process.env.INIT_CWD ?? process.cwd() }
}

/** Node 20 cannot become another program, so this one stays, passes signals on and ends as the other ends. */
function hand([file, ...args]) {
  const child = spawn(NODE, [join(ROOT, file), ...args], { cwd: ROOT, env: withOurNode(), stdio: 'inherit' })
  // Ctrl-C reaches the whole group of a terminal by itself; a second one would look like impatience.
  process.on('SIGINT', () => { if (!process.stdin.isTTY) child.kill('SIGINT') })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (signal !== null) {
        process.removeAllListeners(signal)
        process.kill(process.pid, signal)
      } else process.exitCode = code
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name)
      resolve()
    })
  })
}

function fail(message, code = 1) {
  process.stderr.write(`\n  ${message}\n`)
  process.exit(code)
}
