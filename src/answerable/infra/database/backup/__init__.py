"""A desk in one file: made while it runs, proved before anybody needs it, and put back where one is needed."""
