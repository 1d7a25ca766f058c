"""Where numbers come from: machine, code, data, and the process that measured."""
