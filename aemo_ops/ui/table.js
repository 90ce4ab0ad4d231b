// Cells are set with textContent: a file name can never become markup. Sorting happens here and survives new rows.
function cell(value, kind) {
  const td = document.createElement("td")
  td.className = kind
  if (kind === "fate") {
    const chip = document.createElement("span")
    chip.className = `chip ${value[0]}`
    chip.textContent = value[1]
    td.append(chip)
  } else if (kind === "actions") {
    const deeds = td.appendChild(document.createElement("div"))
    deeds.className = "deeds"
    deeds.append(...value.map(deed))
  } else if (kind === "file") {  // a long name breaks at its underscores, and is still copied as it is
    td.append(...value.split(/(?<=_)/).flatMap((part) => [part, document.createElement("wbr")]))
  } else {
    td.textContent = kind === "number" && value != null ? Number(value).toLocaleString("en-AU") : (value ?? "")
  }
  return td
}

function deed([verb, subject, text, label, off]) {
  const button = document.createElement("button")
  Object.assign(button, {type: "button", textContent: text, disabled: off})
  Object.assign(button.dataset, {verb, subject})
  button.setAttribute("aria-label", label)
  return button
}

// Pressed at once; new rows release it, or time does where nothing changed.
function press(button, model) {
  button.setAttribute("aria-busy", "true")
  setTimeout(() => button.removeAttribute("aria-busy"), 1500)
  const {verb, subject} = button.dataset
  model.send_msg({verb, subject})
}

// New rows are new buttons: the focus goes to the one that stands for the same deed.
function refocus(body, label) {
  if (label) { body.querySelector(`button[aria-label="${CSS.escape(label)}"]:enabled`)?.focus() }
}

const plain = (value) => (Array.isArray(value) ? String(value[1]) : value ?? "")

function order(rows, {at, down}) {
  if (at == null) { return rows }
  const sign = down ? -1 : 1
  return [...rows].sort((a, b) => {
    const [x, y] = [plain(a[at]), plain(b[at])]
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)))
  })
}

export function render({model}) {
  const box = document.createElement("div")
  box.className = "scroll table"
  box.style.visibility = "hidden"
  box.tabIndex = 0
  const table = box.appendChild(document.createElement("table"))
  const [head, body] = [table.createTHead().insertRow(), table.createTBody()]
  const sort = {at: null, down: false}

  const fill = () => {
    if (model.rows.length === 0) {
      const td = document.createElement("td")
      td.colSpan = model.columns.length
      td.textContent = model.empty
      body.replaceChildren(document.createElement("tr"))
      body.firstChild.append(td)
      return
    }
    const label = body.getRootNode().activeElement?.getAttribute?.("aria-label")
    body.replaceChildren(...order(model.rows, sort).map((row) => {
      const tr = document.createElement("tr")
      tr.append(...row.map((value, at) => cell(value, model.columns[at][1])))
      return tr
    }))
    refocus(body, label)
  }
  const mark = () => [...head.cells].forEach((th, at) => {
    th.setAttribute("aria-sort", at !== sort.at ? "none" : sort.down ? "descending" : "ascending")
    th.firstChild.textContent = model.columns[at][0] + (at !== sort.at ? "" : sort.down ? " ▾" : " ▴")
  })
  for (const [at, [title, kind]] of model.columns.entries()) {
    const th = head.appendChild(document.createElement("th"))
    th.className = kind
    th.scope = "col"
    const button = th.appendChild(document.createElement("button"))
    button.textContent = title
    button.addEventListener("click", () => {
      sort.down = sort.at === at && !sort.down
      sort.at = at
      mark()
      fill()
    })
  }
  body.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-verb]")
    if (button && !button.disabled && !button.hasAttribute("aria-busy")) { press(button, model) }
  })
  mark()
  fill()
  model.on(["rows", "empty"], fill)
  return box
}

export default {render}
