"""The least page that Panel can serve: a word, and a button that changes it. Served by `panel serve`, not imported."""

import panel as pn

word = pn.pane.HTML('<p class="word">hello 0</p>')
button = pn.widgets.Button(name="next")


def say(_event: object) -> None:
    word.object = f'<p class="word">hello {button.clicks}</p>'


button.on_click(say)
pn.Column(word, button).servable()
