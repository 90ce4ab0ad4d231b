// The report comes as text when it was asked for; a blob shows or saves it, so that no address of the server serves it.
// A tab may be opened only in the click itself (a browser blocks what opens one seconds later): it waits, empty.
const BUTTONS = [["open", "Open the report"], ["html", "Download the report"], ["json", "Download as JSON"]]

function waiting() {
  const tab = window.open("", "_blank")
  if (tab) {
    tab.document.title = "Report of the move"
    tab.document.body.textContent = "The report is being written …"
  }
  return tab
}

function deliver({wanted, text, problem}, name, tab, said) {
  said.textContent = problem && `No report: ${problem}`
  if (problem) {
    if (wanted === "open" && tab && !tab.closed) tab.document.body.textContent = said.textContent
    return
  }
  const type = wanted === "json" ? "application/json" : "text/html"
  const address = URL.createObjectURL(new Blob([text], {type}))
  if (wanted === "open" && tab) {
    if (!tab.closed) tab.location.replace(address)
  } else {
    const link = document.createElement("a")
    link.href = address
    link.download = `${name}.${wanted === "json" ? "json" : "html"}`
    link.click()
  }
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

export function render({model}) {
  let tab = null
  const box = document.createElement("div")
  box.className = "board deeds"
  box.style.visibility = "hidden"
  for (const [wanted, text] of BUTTONS) {
    const button = document.createElement("button")
    Object.assign(button, {type: "button", textContent: text})
    button.addEventListener("click", () => {
      button.setAttribute("aria-busy", "true")
      setTimeout(() => button.removeAttribute("aria-busy"), 1500)
      if (wanted === "open") tab = waiting()
      model.send_msg({wanted})
    })
    box.append(button)
  }
  const said = document.createElement("span")
  said.className = "note"
  said.setAttribute("role", "status")
  box.append(said)
  model.on("msg:custom", (event) => deliver(event.data ?? event, model.name_of_file, tab, said))
  return box
}

export default {render}
