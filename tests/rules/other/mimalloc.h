// Never compiled: analysis tests need a file by this name.
