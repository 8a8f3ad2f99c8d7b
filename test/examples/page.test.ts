import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { Program } from './program.js'

// CI installs Debian's Chromium; elsewhere these run where there is one.
const executablePath = '/usr/bin/chromium'
const inBrowser = existsSync(executablePath) || process.env.CI ? test : test.skip

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

let browser: Browser
let program: Program

beforeAll(async () => {
  if (!existsSync(executablePath) && !process.env.CI) return
  program = new Program('showcase/main.js')
  browser = await chromium.launch({ executablePath, args })
}, 30_000)

afterAll(async () => {
  await browser?.close()
  await program?.[Symbol.asyncDispose]()
})

async function openPage(): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  await page.goto(await program.url())
  await page.waitForSelector('#connection[data-state=connected]')
  await page.waitForFunction(() => /tab \d+/.test(document.querySelector('#tab')?.textContent ?? ''))
  return page
}

async function tabOf(page: Page): Promise<string> {
  return /tab \d+/.exec((await page.textContent('#tab')) ?? '')?.[0] ?? ''
}

function passedOver(page: Page, edge: string): Promise<unknown> {
  return page.waitForFunction(
    selector => Number(document.querySelector(selector)?.getAttribute('data-count') ?? 0) > 0,
    `#graph [data-edge="${edge}"]`,
  )
}

inBrowser(
  'a person sees values pass between all participants',
  async () => {
    const page = await openPage()
    const errors: string[] = []
    page.on('pageerror', error => errors.push(String(error)))
    for (const edge of [
      'client>express',
      'express>tasklet',
      'tasklet>fastify',
      'fastify>client',
      'tasklet>rxjs',
      'rxjs>socket.io',
      'socket.io>client',
    ]) {
      await passedOver(page, edge)
    }
    await page.waitForFunction(() => Number(document.querySelector('#chart')?.getAttribute('data-last')) > 0)
    await page.waitForSelector('#feed li')
    await page.click('#bad-order')
    await page.waitForFunction(() => document.querySelector('#order-result')?.textContent?.includes('quantity'))
    await page.click('#download')
    await page.waitForFunction(() => /SHA-256/i.test(document.querySelector('#download-result')?.textContent ?? ''))
    await passedOver(page, 'stream>client')
    expect(errors).toEqual([])
    await page.close()
  },
  60_000,
)

inBrowser(
  'closing a tab ends its tasklets, and the other tab shows it',
  async () => {
    const witness = await openPage()
    const leaver = await openPage()
    const tab = await tabOf(leaver)
    const owner = `#tasklets [data-owner="${tab}"]`
    await witness.waitForSelector(owner)
    await leaver.close()
    await witness.waitForSelector(owner, { state: 'detached' })
    await witness.waitForFunction(
      text => [...document.querySelectorAll('#notices li')].some(item => item.textContent?.includes(text)),
      `${tab} left: 2 tasklets ended`,
    )
    expect(await tabOf(witness)).not.toBe(tab)
    await witness.close()
  },
  60_000,
)
