/* Files that are whole or absent: own write loops, sync, rename. All functions are Local. Errors: PNO_E_IO with the
 * path and the words of the system, unless said otherwise. */
#ifndef PNO_IO_FSUTIL_H
#define PNO_IO_FSUTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "engine/base/status.h"

enum { PNO_PATH_MAX = 4096 };

/* Which permission bits new files (0666) and directories (0777) lose, here and in the whole process. 077 until set. */
void pno_fs_set_umask(mode_t mask);
mode_t pno_fs_file_mode(void);
mode_t pno_fs_dir_mode(void);

/* a/b into out [PNO_PATH_MAX]. Errors: PNO_E_USAGE when too long. */
pno_status pno_path_join(const char *a, const char *b, char *out);

/* Letters, digits, . _ -, at most 128, and neither "." nor "..". */
bool pno_name_is_safe(const char *name);

/* Writes all n bytes. path: for the message, which says how many bytes were needed. */
pno_status pno_write_all(int fd, const void *bytes, size_t n, const char *path);

/* A new file in directory dirfd, synced; on failure it is gone again. path: of the directory, for messages. */
pno_status pno_file_create(int dirfd, const char *path, const char *name, const void *bytes, size_t n);

/* The file has the old content or the new one at any moment: name.tmp, sync, rename, sync of the directory. */
pno_status pno_file_replace(int dirfd, const char *path, const char *name, const void *bytes, size_t n);
pno_status pno_file_replace_path(const char *path, const void *bytes, size_t n);

/* For files that a library writes itself under a temporary name. Claim: an empty file of our own, whatever lay there is
 * removed and no link is followed. Settle: syncs temp, renames it to path and syncs the directory; on failure temp is
 * gone. */
pno_status pno_file_claim(const char *temp);
pno_status pno_file_settle(const char *temp, const char *path);

/* Gives a whole file a second name, which nothing may have yet: of two processes only one succeeds. Syncs both. Where
 * the file system has no links it is the only name then. */
pno_status pno_file_place(const char *from, const char *path);

/* Both exist and are one file, by whatever names or links. */
bool pno_file_same(const char *a, const char *b);

/* Whole regular file of at most max bytes into a new block (free it), one byte of zero behind it. Follows no link.
 * Errors: PNO_E_INPUT not a regular file, a link, or too large; PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_file_read(int dirfd, const char *path, const char *name, size_t max, void **bytes, size_t *n);

/* Opens a directory for the calls above; makes it first if it is absent (not its parents). */
pno_status pno_dir_open(const char *path, int *dirfd);
pno_status pno_dir_make(const char *path, int *dirfd);
pno_status pno_dir_sync(int dirfd, const char *path);

/* Removes a directory and the plain files in it; what it cannot remove stays and is no error. */
void pno_dir_remove(int dirfd, const char *name);

/* Names in a directory, sorted, in a new block (free both *names and nothing else). Errors: PNO_E_IO, PNO_E_NOMEM. */
pno_status pno_dir_list(int dirfd, const char *path, char ***names, int *n);

#endif
