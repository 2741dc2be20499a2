// The smallest command: what running it costs is what starting and ending a process costs.
int main(void) { return 0; }
