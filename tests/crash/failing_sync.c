/* Preloaded into a process: every fdatasync fails as that of a broken disk does, once the file FAILS is there. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int descriptor)
{
    const char *fails = getenv("FAILS");
    if (fails != NULL && access(fails, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return (int) syscall(SYS_fdatasync, descriptor);
}
