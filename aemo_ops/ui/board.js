// Renders the layout once and changes only what differs in the slots. The markup was escaped by Python.
function focused(root) {
  const {verb, subject} = root.getRootNode().activeElement?.dataset ?? {}
  return verb ? {verb: `[data-verb="${CSS.escape(verb)}"]`, subject: `[data-subject="${CSS.escape(subject ?? "")}"]`} : null
}

// Start, once pressed, is disabled: the focus then goes to the next deed of the same subject.
function refocus(slot, {verb, subject}) {
  (slot.querySelector(`${verb}${subject}:enabled`) ?? slot.querySelector(`${subject}:enabled`))?.focus()
}

const OWN = ["aria-busy", "title"]  // set here, not by the markup

// Makes `now` like `then` in place: a button under a pointer stays the same button, or its click would be lost.
function change(now, then) {
  if (now.nodeType === Node.TEXT_NODE) {
    if (now.data !== then.data) { now.data = then.data }
    return
  }
  const gone = [...now.attributes].filter(({name}) => !then.hasAttribute(name) && !OWN.includes(name))
  const fresh = [...then.attributes].filter(({name, value}) => now.getAttribute(name) !== value)
  for (const {name} of gone) { now.removeAttribute(name) }
  for (const {name, value} of fresh) { now.setAttribute(name, value) }
  if (gone.length + fresh.length > 0) { now.removeAttribute("aria-busy") }  // a button that changed has been answered
  change_inside(now, then)
}

function change_inside(now, then) {
  const coming = [...then.childNodes]
  for (const [place, node] of coming.entries()) {
    const there = now.childNodes[place]
    if (!there) { now.append(node) }
    else if (there.nodeName !== node.nodeName) { there.replaceWith(node) }
    else { change(there, node) }
  }
  while (now.childNodes.length > coming.length) { now.lastChild.remove() }
}

function fill(root, parts, shown) {
  for (const slot of root.querySelectorAll("[data-slot]")) {
    const html = parts[slot.dataset.slot] ?? ""
    if (shown.get(slot) === html) { continue }
    const had_focus = slot.contains(slot.getRootNode().activeElement) ? focused(root) : null
    const wanted = document.createElement("template")
    wanted.innerHTML = html
    change_inside(slot, wanted.content)
    shown.set(slot, html)
    if (had_focus) { refocus(slot, had_focus) }
  }
  for (const form of root.querySelectorAll("[data-word]")) { answer(form) }
}

// A button that wants a word opens when that stands in the field; the answer to what stands there is beside it.
function answer(form) {
  const {word, off} = form.dataset
  const typed = form.querySelector("input").value.trim()
  form.querySelector("[data-sends]").disabled = off !== undefined || typed !== word
  const hint = typed === "" ? `The button opens when ${word} stands in the field.`
    : typed === word ? "That is the word." : `Not ${word}: type it in capitals as it stands there. Nothing was changed.`
  const told = form.querySelector("[data-hint]")
  if (told.textContent !== hint) { told.textContent = hint }
}

function follow(link, event) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) { return }
  event.preventDefault()
  window.dispatchEvent(new CustomEvent("aemo-ops:go", {detail: link.dataset.go}))
}

// What stands in the fields around a button that sends them.
function told(button) {
  const fields = [...button.closest("[data-form]").querySelectorAll("input[name]")]
  return JSON.stringify(Object.fromEntries(fields.map((f) => [f.name, f.type === "checkbox" ? f.checked : f.value])))
}

// The app has ended: a click would be lost.
function is_lost() { return document.documentElement.dataset.contact === "lost" }

// Pressed at once, and released when it changes, or else when the engine must have answered.
function press(button, model) {
  const {verb, sends} = button.dataset
  const subject = sends === "form" ? told(button) : button.dataset.subject ?? ""
  button.setAttribute("aria-busy", "true")
  setTimeout(() => button.removeAttribute("aria-busy"), 1500)
  model.send_msg({verb, subject})
  if (button.dataset.go) { window.dispatchEvent(new CustomEvent("aemo-ops:go", {detail: button.dataset.go})) }
}

export function render({model}) {
  const root = document.createElement("div")
  root.className = "board"
  root.style.visibility = "hidden"
  const shown = new WeakMap()
  const lay = () => { root.innerHTML = model.layout; fill(root, model.parts, shown) }
  lay()
  model.on("layout", lay)
  model.on("parts", () => fill(root, model.parts, shown))
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]")
    if (link) { follow(link, event) }
    if (is_lost()) { return }
    const button = event.target.closest("button[data-verb]")
    if (button && !button.disabled && !button.hasAttribute("aria-busy")) { press(button, model) }
  })
  root.addEventListener("input", (event) => {  // another word is another question
    const form = event.target.closest("[data-form]")
    for (const button of form?.querySelectorAll("button[aria-busy]") ?? []) { button.removeAttribute("aria-busy") }
    if (form?.matches("[data-word]")) {
      form.querySelector("[role=alert]")?.remove()
      answer(form)
    }
  })
  root.addEventListener("keydown", (event) => {
    const form = event.key === "Enter" && event.target.matches("input") && event.target.closest("[data-form]")
    form && form.querySelector("button[data-sends]:enabled")?.click()
  })
  const contact = ({detail}) => {
    for (const place of root.querySelectorAll("[data-contact]")) { place.textContent = detail }
  }
  window.addEventListener("aemo-ops:contact", contact)
  model.on("remove", () => window.removeEventListener("aemo-ops:contact", contact))
  root.addEventListener("mouseover", (event) => {
    const time = event.target.closest("time[datetime]")
    if (time) { time.title = `${new Date(time.dateTime).toLocaleString()} local time` }
  })
  return root
}

export default {render}
