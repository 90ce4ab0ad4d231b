// The side bar: real links, the browser's history and title, and the theme kept in a cookie for the next visit.
function item(entry, current, go) {
  const link = document.createElement("a")
  link.href = `?page=${entry.key}`
  link.textContent = entry.title
  if (entry.key === current) { link.setAttribute("aria-current", "page") }
  if (entry.attention) {
    const dot = document.createElement("span")
    dot.className = "dot"
    dot.title = entry.attention
    dot.setAttribute("role", "img")
    dot.setAttribute("aria-label", entry.attention)
    link.append(dot)
  }
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) { return }
    event.preventDefault()
    go(entry.key)
  })
  return link
}

// A page that was open before is shown at once; what is new on it, and a page opened for the first time, the server sends.
function show(key, model, view) {
  const pages = model.entries.map((entry) => [entry.key, view.model.document.get_model_by_name(`page ${entry.key}`)])
  if (!pages.some(([known, page]) => known === key && page)) { return }
  for (const [known, page] of pages) {
    if (page) { page.styles = known === key ? model.in_sight : model.out_of_sight }
  }
}

// The app has ended: whatever page is asked for, it cannot send it.
function is_lost() { return document.documentElement.dataset.contact === "lost" }

export function render({model, view}) {
  const nav = document.createElement("nav")
  const barred = document.createElement("p")
  barred.className = "barred"
  barred.setAttribute("role", "status")
  nav.setAttribute("aria-label", "Pages")
  nav.style.visibility = "hidden"
  const go = (key) => {
    if (is_lost()) { return }
    if (key !== model.page) { history.pushState({}, "", `?page=${key}`) }
    model.page = key
  }
  const draw = () => {
    const at = nav.getRootNode().activeElement?.textContent
    nav.replaceChildren(...model.entries.map((entry) => item(entry, model.page, go)), barred)
    document.title = `${model.entries.find((entry) => entry.key === model.page)?.title ?? "Live"} - AEMO Ops`
    if (at) { [...nav.children].find((link) => link.textContent === at)?.focus() }
  }
  const back = () => {
    if (is_lost()) { return }
    const key = new URLSearchParams(location.search).get("page")
    model.page = model.entries.some((entry) => entry.key === key) ? key : model.entries[0].key
  }
  const asked = (event) => go(event.detail)
  const contact = () => {
    nav.classList.toggle("lost", is_lost())
    barred.textContent = is_lost() ? "Disconnected: no page can be opened until the app is back." : ""
  }
  window.addEventListener("popstate", back)
  window.addEventListener("aemo-ops:go", asked)
  window.addEventListener("aemo-ops:contact", contact)
  model.on("remove", () => {
    window.removeEventListener("popstate", back)
    window.removeEventListener("aemo-ops:go", asked)
    window.removeEventListener("aemo-ops:contact", contact)
  })
  model.on(["entries", "page"], draw)
  model.on("page", () => show(model.page, model, view))
  model.on("dark", () => {
    document.cookie = `aemo_ops_theme=${model.dark ? "dark" : "light"};path=/;max-age=31536000;samesite=strict`
  })
  model.on("toured", () => { document.cookie = `aemo_ops_tour=${model.toured};path=/;max-age=31536000;samesite=strict` })
  draw()
  return nav
}

export default {render}
