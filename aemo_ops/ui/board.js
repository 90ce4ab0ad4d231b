// Renders the layout once and replaces only the slots whose markup changed. The markup was escaped by Python.
function focused(root) {
  const {verb, subject} = root.getRootNode().activeElement?.dataset ?? {}
  return verb ? {verb: `[data-verb="${CSS.escape(verb)}"]`, subject: `[data-subject="${CSS.escape(subject ?? "")}"]`} : null
}

// Start, once pressed, is disabled: the focus then goes to the next deed of the same subject.
function refocus(slot, {verb, subject}) {
  (slot.querySelector(`${verb}${subject}:enabled`) ?? slot.querySelector(`${subject}:enabled`))?.focus()
}

function fill(root, parts, shown) {
  for (const slot of root.querySelectorAll("[data-slot]")) {
    const html = parts[slot.dataset.slot] ?? ""
    if (shown.get(slot) === html) { continue }
    const had_focus = slot.contains(slot.getRootNode().activeElement) ? focused(root) : null
    slot.innerHTML = html
    shown.set(slot, html)
    if (had_focus) { refocus(slot, had_focus) }
  }
}

function follow(link, event) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) { return }
  event.preventDefault()
  window.dispatchEvent(new CustomEvent("aemo-ops:go", {detail: link.dataset.go}))
}

// Pressed at once; the engine's answer replaces the slot, and a button whose slot stays the same is released.
function press(button, model) {
  const {verb, subject = ""} = button.dataset
  button.setAttribute("aria-busy", "true")
  setTimeout(() => button.removeAttribute("aria-busy"), 1500)
  model.send_msg({verb, subject})
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
    const button = event.target.closest("button[data-verb]")
    if (button && !button.disabled && !button.hasAttribute("aria-busy")) { press(button, model) }
  })
  root.addEventListener("mouseover", (event) => {
    const time = event.target.closest("time[datetime]")
    if (time && !time.title) { time.title = `${new Date(time.dateTime).toLocaleString()} local time` }
  })
  return root
}

export default {render}
