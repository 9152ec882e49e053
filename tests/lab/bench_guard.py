def add_options(parser): pass
def chosen(options): return []
