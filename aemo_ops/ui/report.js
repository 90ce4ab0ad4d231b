// The report comes as text when it was asked for; a blob shows or saves it, so that no address of the server serves it.
const BUTTONS = [["open", "Open the report"], ["html", "Download the report"], ["json", "Download as JSON"]]

function deliver({wanted, text}, name) {
  const type = wanted === "json" ? "application/json" : "text/html"
  const address = URL.createObjectURL(new Blob([text], {type}))
  if (wanted === "open") {
    window.open(address, "_blank")
  } else {
    const link = document.createElement("a")
    link.href = address
    link.download = `${name}.${wanted}`
    link.click()
  }
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

export function render({model}) {
  const box = document.createElement("div")
  box.className = "board deeds"
  box.style.visibility = "hidden"
  for (const [wanted, text] of BUTTONS) {
    const button = document.createElement("button")
    Object.assign(button, {type: "button", textContent: text})
    button.addEventListener("click", () => {
      button.setAttribute("aria-busy", "true")
      setTimeout(() => button.removeAttribute("aria-busy"), 1500)
      model.send_msg({wanted})
    })
    box.append(button)
  }
  model.on("msg:custom", (event) => deliver(event.data ?? event, model.name_of_file))
  return box
}

export default {render}
