// Linked into builds with the address sanitizer: a module that has been unloaded has no name any more when leaks are
// reported, so that lsan.supp could not tell Open MPI's own leaks from ours.
int dlclose(void* handle) {
  (void)handle;
  return 0;
}
