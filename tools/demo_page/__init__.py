"""The page of tools/demo.py: what a model can show, and the widgets that ask for it.

models      what can be picked, and how it is opened
about       what is known of a model beside its verbs
own_images  from a drawing, a file or a grid of examples to what a model takes
controls    what a person may set, and what is shown
ability     what every ability is made of
codes       abilities of models with a code
classes     abilities of models that know classes, clusters or categories
abilities   all of them, from a model's capabilities to pictures
pad, panel  the widgets of an image and of an ability; they need the extra `demo`, as does
page        the page of a visitor
"""
