/*
 * test_image.c: a volume in one file, on a device that loses, reorders and tears what was not flushed, fails and is
 * full. SEED=n begins with another seed, ROUNDS=n makes n times as many.
 */
#include "image_model.h"
#include "volume_log.h"

enum { CAPACITY = 12 << 20 };

static struct image *opened(const struct block_device *device, uint64_t salt) {
  struct image *image;
  uint32_t findings;
  OK(image_open(device, 0, salt, &image, &findings));
  require(findings == 0 || findings == IMAGE_SUPERBLOCK);
  return image;
}

static uint64_t scaled(uint64_t seeds) {
  const char *rounds = getenv("ROUNDS");
  return rounds ? seeds * strtoull(rounds, NULL, 10) : seeds;
}

/* ---- one image after another, each with its own seed ---- */

struct episode {
  struct random random;
  struct block_sim sim;
  struct block_device device;
  struct image *image;
  struct model now;      /* what was reported to be stored */
  struct model tries[8]; /* and what failed since: one of them may be there after a crash */
  uint32_t try_count;
};

static void episode_start(struct episode *episode, uint64_t seed) {
  memset(episode, 0, sizeof *episode);
  episode->random.state = seed * 0x9E3779B97F4A7C15u | 1;
  sim_open(&episode->sim, CAPACITY, &episode->device);
  episode->image = opened(&episode->device, random_next(&episode->random));
}

static void episode_end(struct episode *episode) {
  episode->sim.fail_at = 0;
  OK(image_close(episode->image));
  struct image *image = opened(&episode->device, 1);
  require(model_holds(&episode->now, image, NULL));
  OK(image_close(image));
  sim_close(&episode->sim);
}

/* Commits something; false if that failed, and then what is there is what was there. */
static bool episode_commit(struct episode *episode, uint32_t size) {
  struct random_cut cut;
  struct model after;
  cut_make(&cut, &episode->random, size, &episode->now, &after);
  wasi_errno_t error = image_commit(episode->image, &cut.cut);
  cut_free(&cut);
  if (!error) {
    episode->now = after;
    episode->try_count = 0;
    return true;
  }
  require(error == episode->sim.failure || error == WASI_ENOSPC);
  if (episode->try_count == 8) memmove(episode->tries, episode->tries + 1, 7 * sizeof after), episode->try_count--;
  episode->tries[episode->try_count++] = after;
  return false;
}

static void episode_crash(struct episode *episode) {
  episode->sim.fail_at = 1;
  episode->sim.fail_calls = UINT64_MAX;
  (void)image_close(episode->image);
  sim_crash(&episode->sim, &episode->random);
  episode->image = opened(&episode->device, random_next(&episode->random));
  if (!model_holds(&episode->now, episode->image, NULL)) {
    uint32_t i = 0;
    while (i < episode->try_count && !model_holds(&episode->tries[i], episode->image, NULL)) i++;
    require(i < episode->try_count);
    episode->now = episode->tries[i];
  }
  /* Whatever is there now, nothing else comes back. */
  episode->try_count = 0;
}

static void prove_crashes(uint64_t seeds, uint32_t size) {
  uint64_t first = random_seed(1);
  struct episode episode;
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    episode_start(&episode, seed);
    for (int i = 0; i < 14; i++) {
      if (random_below(&episode.random, 3) == 0) {
        /* The power goes off in one of the next calls. */
        episode.sim.fail_at = episode.sim.calls + 1 + random_below(&episode.random, 14);
        episode.sim.fail_calls = UINT64_MAX;
      }
      bool stored = episode_commit(&episode, size);
      bool off = episode.sim.fail_at && episode.sim.calls >= episode.sim.fail_at;
      require(stored || off);
      if (off || random_below(&episode.random, 8) == 0) episode_crash(&episode);
    }
    episode_end(&episode);
  }
}

static void after_crashes(struct guest *guest) { (void)guest, prove_crashes(scaled(400), 0); }
static void after_crashes_large(struct guest *guest) { (void)guest, prove_crashes(scaled(25), 1); }
static void after_crashes_huge(struct guest *guest) { (void)guest, prove_crashes(scaled(6), 2); }

static void calls_fail(struct guest *guest) {
  (void)guest;
  uint64_t first = random_seed(1);
  struct episode episode;
  for (uint64_t seed = first; seed < first + scaled(150); seed++) {
    episode_start(&episode, seed);
    for (int i = 0; i < 14; i++) {
      if (random_below(&episode.random, 2) == 0) {
        episode.sim.fail_at = episode.sim.calls + 1 + random_below(&episode.random, 14);
        episode.sim.fail_calls = 1 + random_below(&episode.random, 3);
        episode.sim.failure = random_below(&episode.random, 2) ? WASI_EIO : WASI_ENOSPC;
      }
      (void)episode_commit(&episode, 0);
      require(model_holds(&episode.now, episode.image, NULL));
      if (random_below(&episode.random, 6) == 0) episode_crash(&episode);
    }
    episode.sim.fail_at = 0;
    require(episode_commit(&episode, 0));
    episode_end(&episode);
  }
}

static void nth_call_fails(struct guest *guest) {
  (void)guest;
  for (uint64_t n = 1; n < 40; n++) {
    for (int crash = 0; crash < 2; crash++) {
      struct episode episode;
      episode_start(&episode, 77);
      for (int i = 0; i < 6; i++) require(episode_commit(&episode, 1));
      episode.sim.fail_at = episode.sim.calls + n;
      for (int i = 0; i < 6; i++) {
        (void)episode_commit(&episode, 1);
        require(model_holds(&episode.now, episode.image, NULL));
      }
      if (crash) episode_crash(&episode);
      episode.sim.fail_at = 0;
      require(episode_commit(&episode, 1));
      episode_end(&episode);
    }
  }
}

/* ---- full ---- */

static void is_full(struct guest *guest) {
  (void)guest;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct episode episode;
    episode_start(&episode, seed);
    episode.sim.limit = (uint64_t)(700 + 40 * seed) << 10;
    uint32_t refused = 0;
    for (int i = 0; i < 40; i++) {
      if (!episode_commit(&episode, 1)) refused++;
      require(model_holds(&episode.now, episode.image, NULL));
    }
    require(refused > 0);
    /* What is deleted makes room, and a log that restarts always finds some. */
    struct volume_chunk_cut cuts[MODEL_INOS];
    for (uint64_t ino = 0; ino < MODEL_INOS; ino++) cuts[ino] = (struct volume_chunk_cut){ino, 0};
    struct volume_segment segment = {(const uint8_t *)"", 0};
    struct volume_cut deleting = {.segments = &segment, .segment_count = 1, .cuts = cuts, .cut_count = MODEL_INOS, .restart = true};
    OK(image_commit(episode.image, &deleting));
    struct image_usage usage;
    image_usage(episode.image, &usage);
    require(usage.chunks == 0);
    for (int i = 0; i < MODEL_INOS; i++) memset(episode.now.chunks[i], 0, sizeof episode.now.chunks[i]);
    episode.now.log = 0x100000001B3u * 0 + 1;
    episode.try_count = 0;
    require(model_holds(&episode.now, episode.image, NULL));
    require(episode_commit(&episode, 0));
    episode_end(&episode);
  }
}

/* ---- damage ---- */

static void bits_flip(struct guest *guest) {
  (void)guest;
  struct episode episode;
  uint64_t seed = random_seed(1), refused = 0, unread = 0, repaired = 0;
  episode_start(&episode, seed);
  for (int i = 0; i < 12; i++) require(episode_commit(&episode, 0));
  OK(image_close(episode.image));
  for (int i = 0; i < 2000; i++) {
    struct image *image;
    uint32_t findings, damaged = 0;
    /* Where something lies, more often. */
    uint64_t at = random_below(&episode.random, random_below(&episode.random, 4) ? episode.sim.size : 2 * 4096 + 65536);
    if (i < 500) at = (uint64_t)(i % 2) * 4096 + random_below(&episode.random, 80);
    uint8_t bit = (uint8_t)(1u << random_below(&episode.random, 8));
    episode.sim.bytes[at] ^= bit;
    wasi_errno_t error = image_open(&episode.device, IMAGE_READ_ONLY, 1, &image, &findings);
    if (error) {
      require(error == WASI_EIO && findings != 0);
      refused++;
    } else {
      require(model_holds(&episode.now, image, &damaged));
      unread += damaged > 0;
      repaired += findings == IMAGE_SUPERBLOCK;
      OK(image_close(image));
    }
    episode.sim.bytes[at] ^= bit;
  }
  require(refused > 20 && unread > 100 && repaired > 100);
  struct image *image = opened(&episode.device, 1);
  OK(image_close(image));
  sim_close(&episode.sim);
}

static void is_cut_short(struct guest *guest) {
  (void)guest;
  struct episode episode;
  episode_start(&episode, 5);
  for (int i = 0; i < 12; i++) require(episode_commit(&episode, 0));
  OK(image_close(episode.image));
  uint64_t whole = episode.sim.size;
  for (uint64_t size = 0; size < whole; size += 509) {
    struct image *image;
    uint32_t findings;
    episode.sim.size = size;
    wasi_errno_t error = image_open(&episode.device, IMAGE_READ_ONLY, 1, &image, &findings);
    if (!error) {
      uint32_t damaged = 0;
      require(model_holds(&episode.now, image, &damaged));
      OK(image_close(image));
    } else {
      require(error == (findings & IMAGE_FOREIGN ? WASI_EINVAL : WASI_EIO) && findings != 0);
    }
  }
  episode.sim.size = whole;
  struct image *image = opened(&episode.device, 1);
  OK(image_close(image));
  sim_close(&episode.sim);
}

static void is_no_image(struct guest *guest) {
  (void)guest;
  struct block_sim sim;
  struct block_device device;
  struct image *image;
  uint32_t findings;
  sim_open(&sim, CAPACITY, &device);
  OK(device.operations->write(&device, 0, "int main(void) { return 0; }", 28));
  EXPECT(WASI_EINVAL, image_open(&device, 0, 1, &image, &findings));
  require(findings == IMAGE_FOREIGN);
  require(memcmp(sim.bytes, "int main", 8) == 0 && sim.size == 28);
  sim_close(&sim);
}

/* ---- space ---- */

static void stays_short(struct guest *guest) {
  (void)guest;
  struct episode episode;
  static uint8_t bytes[65536];
  episode_start(&episode, 1);
  /* One chunk, rewritten again and again, and a log that its owner restarts. */
  for (uint32_t i = 0; i < 3000; i++) {
    struct volume_segment segment = {bytes, 100};
    struct volume_chunk chunk = {1, 0, bytes, sizeof bytes};
    bytes[0] = (uint8_t)i;
    struct volume_cut cut = {i % 100 == 99, &segment, 1, NULL, 0, &chunk, 1};
    OK(image_commit(episode.image, &cut));
  }
  struct image_usage usage;
  image_usage(episode.image, &usage);
  require(usage.commits == 3000 && usage.chunks == 1);
  require(usage.size < (uint64_t)3 << 20);
  OK(image_close(episode.image));
  /* What is free at the end is cut off. */
  require(episode.sim.size < (uint64_t)2 << 20);
  sim_close(&episode.sim);
}

/* ---- a log that contradicts itself, on the host's device ---- */

static const struct block_device *the_device;

static const struct block_device *host_device(void *context, uint32_t device) {
  (void)context, (void)device;
  return the_device;
}

static int32_t sim_read(void *context, uint32_t device, uint64_t at, void *bytes, uint32_t length) {
  const struct block_device *own = host_device(context, device);
  return -(int32_t)own->operations->read(own, at, bytes, length);
}
static int32_t sim_write(void *context, uint32_t device, uint64_t at, const void *bytes, uint32_t length) {
  const struct block_device *own = host_device(context, device);
  return -(int32_t)own->operations->write(own, at, bytes, length);
}
static int32_t sim_flush(void *context, uint32_t device) {
  const struct block_device *own = host_device(context, device);
  return -(int32_t)own->operations->flush(own);
}
static double sim_size(void *context, uint32_t device) {
  const struct block_device *own = host_device(context, device);
  uint64_t size = 0;
  wasi_errno_t error = own->operations->size(own, &size);
  return error ? -(double)error : (double)size;
}
static int32_t sim_truncate(void *context, uint32_t device, uint64_t size) {
  const struct block_device *own = host_device(context, device);
  return -(int32_t)own->operations->truncate(own, size);
}
static int32_t sim_closed(void *context, uint32_t device) {
  (void)context, (void)device;
  return 0;
}

/* Mounts the device at /v, checks it, and unmounts it; answers how many sentences there are, the first in `says`. */
static int32_t mount_and_check(struct guest *guest, uint32_t flags, char says[200]) {
  char *text = NULL;
  int32_t mount = nidus_mount_image(guest->system, "/v", 0, "v", flags, 0, &text);
  if (mount >= 0) {
    free(text);
    int32_t count = nidus_image_check(guest->system, (uint32_t)mount, &text);
    require(nidus_unmount(guest->system, (uint32_t)mount) == 0);
    mount = count;
  }
  snprintf(says, 200, "%s", text ? text : "");
  free(text);
  return mount;
}

static void repairs_logs(struct guest *guest) {
  struct block_sim sim;
  struct block_device device;
  char says[200];
  sim_open(&sim, CAPACITY, &device);
  the_device = &device;
  guest->host.block_read = sim_read;
  guest->host.block_write = sim_write;
  guest->host.block_flush = sim_flush;
  guest->host.block_size = sim_size;
  guest->host.block_truncate = sim_truncate;
  guest->host.block_close = sim_closed;
  /* A file that no folder names, of which nobody says that it was deleted. */
  uint8_t bytes[512], inode[64 + 4] = {1, WASI_FILETYPE_REGULAR_FILE, 1, 0, 0xA4, 1, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 4};
  memcpy(inode + 64, "text", 4);
  struct volume_segment segment;
  struct log_writer log = {.bytes = bytes, .segments = &segment, .transaction = 1, .flags = LOG_CHECKPOINT};
  memcpy(log_put(&log, LOG_INODE, 5, sizeof inode), inode, sizeof inode);
  log_end(&log);
  struct image *image = opened(&device, 1);
  OK(image_commit(image, &(struct volume_cut){.restart = true, .segments = &segment, .segment_count = 1}));
  OK(image_close(image));
  require(mount_and_check(guest, NIDUS_IMAGE_READ_ONLY, says) == -WASI_EIO);
  require(strcmp(says, "the volume v can not be read or written, or contradicts itself: nidus fsck --repair, or on a page repair: true, keeps what can be read") == 0);
  require(mount_and_check(guest, NIDUS_IMAGE_REPAIR, says) == 1);
  require(strcmp(says, "the log contradicted itself: parts of it that could not be used: 0; files and folders that are in "
                       "lost+found now: 1") == 0);
  require(mount_and_check(guest, NIDUS_IMAGE_READ_ONLY, says) == 0);
  char *text = NULL;
  int32_t mount = nidus_mount_image(guest->system, "/v", 0, "v", 0, 0, &text);
  require(mount > 0);
  free(text);
  struct nidus_stat stat;
  require(nidus_stat(guest->system, "/v/lost+found/#5", 16, false, &stat) == 0 && stat.size == 4);
  require(nidus_unmount(guest->system, (uint32_t)mount) == 0);
  sim_close(&sim);
}

static const struct test tests[] = {
    {"A volume whose log contradicts itself is refused; repairing it keeps what can be read", repairs_logs},
    {"after a crash an image is the state at a commit, never less than what was reported", after_crashes},
    {"so are images of larger commits", after_crashes_large},
    {"and of commits whose chunks are flushed by themselves", after_crashes_huge},
    {"a call of the device that fails loses nothing, and the next commit stores all", calls_fail},
    {"whichever call of the device fails", nth_call_fails},
    {"a full device refuses commits and keeps what it has; deleting always goes", is_full},
    {"a flipped bit is found", bits_flip},
    {"an image that was cut short is refused, or reads as it was", is_cut_short},
    {"a file that is no image is left alone", is_no_image},
    {"an image whose chunks are rewritten stays short", stays_short},
};
RUN_TESTS(tests)
