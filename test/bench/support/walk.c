// The same walk of a block as src/watch/walk/walk.ts, compiled. Reads a file of blocks, each behind its length in four
// bytes, and a file of sorted outpoints of 36 bytes; prints the hits and the milliseconds of the median of five rounds.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint8_t *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  fseek(file, 0, SEEK_END);
  *length = ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*length);
  if (fread(bytes, 1, *length, file) != *length) exit(1);
  fclose(file);
  return bytes;
}

static uint8_t *keys;
static uint32_t *slots;
static uint64_t mask;

static uint64_t hash_of(const uint8_t *at) {
  uint64_t a, b;
  uint32_t last;
  memcpy(&a, at, 8);
  memcpy(&b, at + 8, 8);
  memcpy(&last, at + 32, 4);
  uint64_t hash = (a ^ 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 29) ^ b ^ last) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 32);
}

static int is_watched(const uint8_t *at) {
  for (uint64_t slot = hash_of(at) & mask; slots[slot]; slot = (slot + 1) & mask)
    if (memcmp(keys + (uint64_t)(slots[slot] - 1) * 36, at, 36) == 0) return 1;
  return 0;
}

static uint64_t size_at(const uint8_t **at) {
  uint8_t first = *(*at)++;
  uint64_t size = first;
  int width = first < 0xfd ? 0 : first == 0xfd ? 2 : 4;
  if (width) {
    size = 0;
    memcpy(&size, *at, width);
    *at += width;
  }
  return size;
}

static const uint8_t NUMS[32] = {0x50, 0x92, 0x9b, 0x74, 0xc1, 0xa0, 0x49, 0x54, 0xb7, 0x8b, 0x4b,
                                 0x60, 0x35, 0xe9, 0x7a, 0x5e, 0x07, 0x8a, 0x5a, 0x0f, 0x28, 0xec,
                                 0x96, 0xd5, 0x47, 0xbf, 0xee, 0x9a, 0xce, 0x80, 0x3a, 0xc0};

static uint64_t walk(const uint8_t *at) {
  uint64_t hits = 0;
  at += 80;
  for (uint64_t transactions = size_at(&at); transactions; transactions--) {
    at += 4;
    int segwit = at[0] == 0 && at[1] == 1;
    if (segwit) at += 2;
    uint64_t inputs = size_at(&at);
    for (uint64_t i = 0; i < inputs; i++) {
      hits += is_watched(at);
      at += 36;
      uint64_t length = size_at(&at);
      at += length + 4;
    }
    for (uint64_t outputs = size_at(&at); outputs; outputs--) {
      at += 8;
      uint64_t length = size_at(&at);
      if (length == 34 && at[0] == 0x51 && at[1] == 0x20) {
        uint8_t key[36] = {0};
        memcpy(key, at + 2, 32);
        hits += is_watched(key);
      } else if (length >= 65 && at[0] == 0x6a && memcmp(at + 2, "bbn1", 4) == 0) hits++;
      at += length;
    }
    for (uint64_t i = 0; segwit && i < inputs; i++) {
      const uint8_t *last = at;
      uint64_t length = 0;
      for (uint64_t elements = size_at(&at); elements; elements--) {
        length = size_at(&at);
        last = at;
        at += length;
      }
      if (length >= 33 && memcmp(last + 1, NUMS, 32) == 0) hits++;
    }
    at += 4;
  }
  return hits;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int count, char **arguments) {
  size_t length, key_length;
  if (count != 3) return 1;
  uint8_t *blocks = read_file(arguments[1], &length);
  keys = read_file(arguments[2], &key_length);
  uint64_t watched = key_length / 36, size = 1024;
  while (size < 2 * watched) size *= 2;
  mask = size - 1;
  slots = calloc(size, 4);
  for (uint64_t key = 0; key < watched; key++) {
    uint64_t slot = hash_of(keys + key * 36) & mask;
    while (slots[slot]) slot = (slot + 1) & mask;
    slots[slot] = key + 1;
  }
  double took[5];
  uint64_t hits = 0;
  for (int round = 0; round < 5; round++) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    hits = 0;
    for (size_t at = 0; at < length;) {
      uint32_t part;
      memcpy(&part, blocks + at, 4);
      hits += walk(blocks + at + 4);
      at += 4 + part;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    took[round] = (to.tv_sec - from.tv_sec) * 1e3 + (to.tv_nsec - from.tv_nsec) / 1e6;
  }
  qsort(took, 5, sizeof took[0], by_size);
  printf("%llu %f\n", (unsigned long long)hits, took[2]);
  return 0;
}
