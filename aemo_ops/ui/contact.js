// Whether the app is there: told in red in the header of every page, and all values dimmed, from the moment it is not.
const LOOKS = 0.5  // seconds between two looks at how long it has been silent
const SILENT = 5  // seconds without a beat: a socket to a server that hangs, or was put to sleep, is never closed
const AGAIN = 2  // seconds between two tries to reach a server that has ended

// Custom properties reach into every shadow root; boards and links ask for the word.
function show(state, words) {
  const root = document.documentElement
  if (root.dataset.contact === state) { return }
  root.dataset.contact = state
  root.style.setProperty("--ops-away", state === "here" ? "none" : "grayscale(1) opacity(.6)")
  root.style.setProperty("--ops-hands", state === "lost" ? "none" : "auto")
  window.dispatchEvent(new CustomEvent("aemo-ops:contact", {detail: words}))
}

const pause = (seconds) => new Promise((go_on) => setTimeout(go_on, 1000 * seconds))

// Whether a server answers; null where one is there that does not. A file of the page is asked for: a page makes a session.
async function answers() {
  const file = new URL("static/js/bokeh.min.js", location.href)
  try {
    return (await fetch(file, {method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(1000 * SILENT)})).ok
  } catch (error) { return error.name === "TimeoutError" ? null : false }
}

export function render({model, view}) {
  let silent = 0
  let lost = false
  const beat = () => {
    silent = 0
    if (!lost) { show("here", "") }
  }
  const look = () => {
    if (model.beats === 0 || lost) { return }
    silent += LOOKS  // counted in looks, not read from a clock: a computer that slept was not silent meanwhile
    if (silent < SILENT) { return }
    show("silent", `No answer from the app since ${model.seen}: what you see is of then.`)
    if (silent % SILENT === 0) { ask() }
  }
  // Bokeh tells of no closed socket once the browser was about to leave the page, and stayed.
  const ask = async () => {
    const before = model.beats
    if (await answers() === null) { return }
    await pause(AGAIN)
    if (model.beats === before) { lose() }
  }
  const lose = async () => {
    if (lost) { return }
    lost = true
    show("lost", `Disconnected: what you see is of ${model.seen}. It comes back by itself when the app runs again.`)
    do { await pause(AGAIN) } while (!await answers())
    location.reload()  // a page of a server that ended is known to no other one
  }
  show("here", "")
  model.on("beats", beat)
  const timer = setInterval(look, 1000 * LOOKS)
  view.model.document.on_event("connection_lost", lose)
  model.on("remove", () => clearInterval(timer))
  return document.createElement("span")
}

export default {render}
