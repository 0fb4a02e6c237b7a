/*
 * Stands between a program and its disk (LD_PRELOAD), for the files below one directory: what strace cannot do. Told by
 * environment variables:
 *
 *   SHIM_DIR    files whose path begins so are ours; all others are left alone
 *   SHIM_FATE   short    the n-th write takes half of its bytes, and says so
 *               half     the n-th write takes half of its bytes, and answers with an error
 *               full     from byte n on the disk is full: a write takes what there is room for, the next gets ENOSPC;
 *                        after SHIM_TIMES of them there is room again
 *               again    the n-th call is answered with EINTR SHIM_TIMES times before it is done
 *               error    the n-th call of kind SHIM_CALL, and SHIM_TIMES - 1 of them after it, get an error
 *               none
 *   SHIM_AT     n, from 1
 *   SHIM_ERRNO  the number of the error
 *   SHIM_CUT    before the so-manieth call of any kind on our files the power fails: bytes that no sync has covered are
 *               cut off, bytes of a failed sync are zeros although a later sync succeeded, and the process is killed
 *   SHIM_CUT_AFTER  the same, counted from the first call that failed
 *   SHIM_TOLD   a file for the number of calls of each kind, and the first that failed, rewritten at each of them
 *
 * Node closes files past the C library: a close is not to be seen here. Of each file it remembers how much of it a successful sync has covered, since our files grow at their end alone.
 * Names are durable at once.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN, READ, WRITE, SYNC, RENAME, UNLINK, KINDS };
static const char *const kind_names[KINDS] = {"open", "read", "write", "sync", "rename", "unlink"};

struct file {
  dev_t device;
  ino_t number;
  /* A descriptor of its own: the file is reached by it whatever its name is by then. */
  int fd;
  off_t synced;
  /* Bytes of a failed sync. */
  off_t lost_from, lost_to;
};

enum { MOST_FILES = 512 };
static struct file files[MOST_FILES];
static int file_count;
static long counts[KINDS], all_calls, failed_calls, first_failed_at;
/* Kind and path of each call that failed, one a line. */
static char failures[8192];
static char path_met[4096];
static long long written_bytes;
static long full_answers;
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *text_of(const char *name, const char *otherwise) {
  const char *text = getenv(name);
  return text == NULL ? otherwise : text;
}

static long number_of(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text == NULL ? otherwise : atol(text);
}

static int has_fate(const char *fate) { return strcmp(text_of("SHIM_FATE", "none"), fate) == 0; }

static int is_our_path(const char *path) {
  const char *dir = text_of("SHIM_DIR", "");
  int is_ours = *dir != '\0' && strncmp(path, dir, strlen(dir)) == 0;
  if (is_ours) snprintf(path_met, sizeof path_met, "%s", path);
  return is_ours;
}

static int is_our_fd(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return is_our_path(path);
}

static void tell(void) {
  const char *path = getenv("SHIM_TOLD");
  if (path == NULL) return;
  char text[sizeof failures + 512];
  int length = snprintf(text, sizeof text, "all %ld\nbytes %lld\n", all_calls, written_bytes);
  for (int kind = 0; kind < KINDS; kind++)
    length += snprintf(text + length, sizeof text - length, "%s %ld\n", kind_names[kind], counts[kind]);
  length += snprintf(text + length, sizeof text - length, "%s", failures);
  int fd = REAL(open64)(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) abort();
  if (REAL(write)(fd, text, length) != length) abort();
  close(fd);
}

static void note_failure(int kind) {
  if (failed_calls++ == 0) first_failed_at = all_calls;
  size_t length = strlen(failures);
  snprintf(failures + length, sizeof failures - length, "failed %s %s\n", kind_names[kind], path_met);
  tell();
}

static struct file *file_of(int fd) {
  struct stat stat;
  if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) return NULL;
  for (int at = 0; at < file_count; at++)
    if (files[at].device == stat.st_dev && files[at].number == stat.st_ino) return &files[at];
  if (file_count == MOST_FILES) abort();
  struct file *file = &files[file_count++];
  /* What was there before this process is durable. A number of a file that is gone is not used again: we have it open. */
  *file = (struct file){stat.st_dev, stat.st_ino, fcntl(fd, F_DUPFD_CLOEXEC, 1000), stat.st_size, 0, 0};
  if (file->fd < 0) abort();
  return file;
}

static void cut_power(void) {
  static const char zeros[4096];
  for (int at = 0; at < file_count; at++) {
    struct file *file = &files[at];
    if (ftruncate(file->fd, file->synced) != 0) abort();
    for (off_t from = file->lost_from; from < file->lost_to && from < file->synced;) {
      off_t end = file->lost_to < file->synced ? file->lost_to : file->synced;
      size_t length = (size_t)(end - from) < sizeof zeros ? (size_t)(end - from) : sizeof zeros;
      if (REAL(pwrite64)(file->fd, zeros, length, from) != (ssize_t)length) abort();
      from += length;
    }
  }
  tell();
  kill(getpid(), SIGKILL);
  pause();
}

/* Counts a call on one of our files; returns the error that it is to get, or 0. */
static int meet(int kind) {
  all_calls++;
  counts[kind]++;
  long cut_after = number_of("SHIM_CUT_AFTER", -1);
  if (all_calls == number_of("SHIM_CUT", -1)) cut_power();
  if (cut_after >= 0 && failed_calls > 0 && all_calls > first_failed_at + cut_after) cut_power();
  int answer = 0;
  long at = number_of("SHIM_AT", 1), times = number_of("SHIM_TIMES", 1);
  if (has_fate("error") && strcmp(text_of("SHIM_CALL", ""), kind_names[kind]) == 0 && counts[kind] >= at &&
      counts[kind] < at + times)
    answer = (int)number_of("SHIM_ERRNO", EIO);
  if (has_fate("again") && strcmp(text_of("SHIM_CALL", ""), kind_names[kind]) == 0 && counts[kind] >= at &&
      counts[kind] < at + times)
    answer = EINTR;
  if (answer != 0) note_failure(kind);
  tell();
  return answer;
}

#define GUARDED(type, is_ours, ours, otherwise) \
  do {                                          \
    if (!(is_ours)) return otherwise;           \
    pthread_mutex_lock(&mutex);                 \
    type result = ours;                         \
    int error = errno;                          \
    pthread_mutex_unlock(&mutex);               \
    errno = error;                              \
    return result;                              \
  } while (0)

static int failing(int error) {
  errno = error;
  return -1;
}

static ssize_t write_ours(int fd, const void *bytes, size_t length, off_t offset) {
  struct file *file = file_of(fd);
  int error = meet(WRITE);
  if (error != 0) return failing(error);
  long at = number_of("SHIM_AT", 1);
  int is_met = counts[WRITE] == at && length > 1;
  size_t taken = length;
  if (is_met && (has_fate("short") || has_fate("half"))) taken = length / 2;
  if (has_fate("full") && full_answers < number_of("SHIM_TIMES", 1) && written_bytes + (long long)length > at) {
    taken = written_bytes >= at ? 0 : (size_t)(at - written_bytes);
    if (taken == 0) {
      full_answers++;
      note_failure(WRITE);
      return failing(ENOSPC);
    }
  }
  if (file != NULL && offset < file->synced) file->synced = offset;
  ssize_t done = REAL(pwrite64)(fd, bytes, taken, offset);
  if (done > 0) written_bytes += done;
  if (is_met && taken < length) {
    note_failure(WRITE);
    if (has_fate("half")) return failing((int)number_of("SHIM_ERRNO", EIO));
  }
  return done;
}

static int sync_ours(int fd, int (*sync)(int)) {
  struct file *file = file_of(fd);
  int error = meet(SYNC);
  if (error == EINTR) return failing(error);
  struct stat stat;
  if (file != NULL && fstat(fd, &stat) != 0) abort();
  if (error != 0) {
    /* As in Linux: the pages are dropped, called clean, and never written. */
    if (file != NULL && stat.st_size > file->synced) {
      if (file->lost_to == 0) file->lost_from = file->synced;
      file->lost_to = stat.st_size;
    }
    return failing(error);
  }
  int done = sync(fd);
  if (done == 0 && file != NULL) file->synced = stat.st_size;
  return done;
}

static int call_or_fail(int kind, int (*call)(const char *), const char *path) {
  int error = meet(kind);
  return error != 0 ? failing(error) : call(path);
}

static int rename_ours(const char *from, const char *to) {
  int error = meet(RENAME);
  return error != 0 ? failing(error) : REAL(rename)(from, to);
}

static int open_ours(const char *path, int flags, mode_t mode) {
  int error = meet(OPEN);
  return error != 0 ? failing(error) : REAL(open64)(path, flags, mode);
}

static ssize_t read_ours(int fd, void *bytes, size_t length, off_t offset) {
  int error = meet(READ);
  return error != 0 ? failing(error) : REAL(pread64)(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  GUARDED(ssize_t, is_our_fd(fd), write_ours(fd, bytes, length, offset), REAL(pwrite64)(fd, bytes, length, offset));
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
  GUARDED(ssize_t, is_our_fd(fd), read_ours(fd, bytes, length, offset), REAL(pread64)(fd, bytes, length, offset));
}

int fdatasync(int fd) { GUARDED(int, is_our_fd(fd), sync_ours(fd, REAL(fdatasync)), REAL(fdatasync)(fd)); }

int fsync(int fd) { GUARDED(int, is_our_fd(fd), sync_ours(fd, REAL(fsync)), REAL(fsync)(fd)); }

int rename(const char *from, const char *to) {
  GUARDED(int, is_our_path(from), rename_ours(from, to), REAL(rename)(from, to));
}

int unlink(const char *path) {
  GUARDED(int, is_our_path(path), call_or_fail(UNLINK, REAL(unlink), path), REAL(unlink)(path));
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  GUARDED(int, is_our_path(path), open_ours(path, flags, mode), REAL(open64)(path, flags, mode));
}
