"""The local stack without containers (`make stack`), and the checks of the files of config/stack."""
