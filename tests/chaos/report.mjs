// What a run has shown so far: its steps, good and bad, and what was delivered in all.

export class Report {
  #isQuiet
  steps = []
  totals = { deliveries: 0, lost: 0, duplicated: 0, outOfOrder: 0, leaked: 0 }

  constructor({ isQuiet = false } = {}) {
    this.#isQuiet = isQuiet
  }

  /** Takes note of something that was decided elsewhere. */
  note(name, passed) {
    this.steps.push({ name, passed })
  }

  /** Runs a step and notes how it went; work may return a remark. Returns whether it passed. */
  async step(name, work) {
    const began = Date.now()
    let error
    const remark = await work().catch((caught) => void (error = caught))
    const seconds = ((Date.now() - began) / 1000).toFixed(1)
    this.steps.push({ name, passed: !error, message: error?.message })
    this.say(
      `${error ? 'FAILED' : 'ok    '} ${name.padEnd(72)} ${seconds.padStart(7)} s${remark ? `  ${remark}` : ''}`,
    )
    if (error) this.say(error.message)
    return !error
  }

  say(text) {
    if (!this.#isQuiet) console.log(text)
  }

  /** figures: the load test's. */
  addUp(figures) {
    const { totals } = this
    totals.deliveries += figures.delivered_to_tablets + figures.delivered_to_customers + figures.delivered_to_dashboards
    totals.lost += figures.lost + figures.behind
    totals.duplicated += figures.duplicated_after_filter
    totals.outOfOrder += figures.out_of_order
    totals.leaked += figures.leaked
  }

  /** What failed, as texts. */
  get failures() {
    return this.steps.filter(({ passed }) => !passed).map(({ name, message }) => `${name}: ${message}`)
  }

  /** Prints the totals and the last line, which tests/run reads; returns the exit status. */
  finish(kills, seed) {
    const { totals } = this
    const failed = this.failures.length
    console.log(
      `deliveries ${totals.deliveries}  kills ${kills}  lost ${totals.lost}  duplicated ${totals.duplicated}  ` +
        `out of order ${totals.outOfOrder}  outside rights ${totals.leaked}  seed ${seed}`,
    )
    console.log(`${this.steps.length - failed} passed, ${failed} failed`)
    return failed > 0 ? 1 : 0
  }
}
