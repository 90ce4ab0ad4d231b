// When a thing is seen: milliseconds of performance.now() at the end of the frame in which it is painted.
{
  const roots = [document]
  const attach = Element.prototype.attachShadow
  Element.prototype.attachShadow = function (options) {
    const root = attach.call(this, options)
    roots.push(root)
    return root
  }
  addEventListener("pointerdown", (event) => { window.pressed = event.timeStamp }, true)

  const visible = (element) =>
    element.checkVisibility({visibilityProperty: true}) && element.getBoundingClientRect().height > 0
  const shows = (selector, text) => roots.some((root) => [...root.querySelectorAll(selector)].some(
    (element) => text.test(element.textContent) && visible(element)))

  window.seen = ([selector, text]) => new Promise((resolve) => {
    const painted = new MessageChannel()  // its message comes after the frame; a timer would wait longer
    painted.port1.onmessage = () => resolve(performance.now())
    const wanted = new RegExp(text)
    const look = () => { if (shows(selector, wanted)) { painted.port2.postMessage(0) } else { requestAnimationFrame(look) } }
    requestAnimationFrame(look)
  })
  window.within = (seconds, promise) =>
    Promise.race([promise, new Promise((resolve) => { setTimeout(resolve, seconds * 1000, null) })])
}
