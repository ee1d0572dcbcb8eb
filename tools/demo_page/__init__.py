"""The page of tools/demo.py: what a model can show, and the widgets that ask for it.

models      what can be picked, and how it is opened
own_images  from a drawing or an uploaded file to what a model takes
controls    what a person may set, and what is shown
abilities   from a model's capabilities to pictures
page        the widgets: the one module that needs the extra `demo`
"""
