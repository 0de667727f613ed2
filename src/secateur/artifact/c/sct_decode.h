/* How does a device get the array of a tensor out of the streams of a `.sct` file?
 *
 * C99: no allocation, nothing of the C library but string.h, any alignment, either byte order. Nothing in
 * a tensor is trusted: whatever its fields and streams say, nothing but `out` and `work` is written, and
 * the time is bounded by the elements. docs/format.md describes the format, docs/device-decoder.md the use.
 */
#ifndef SCT_DECODE_H
#define SCT_DECODE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sct_codec { SCT_RAW, SCT_RANS, SCT_ADAPTIVE }; /* any other number is SCT_UNSUPPORTED */
enum sct_positions { SCT_ALL, SCT_MASK, SCT_GAPS, SCT_BLOCKS };
enum sct_values { SCT_WORDS, SCT_PLANES, SCT_CODEBOOK, SCT_GRID };
enum sct_narrow { SCT_FULL, SCT_BFLOAT16, SCT_FLOAT16 };
enum sct_result { SCT_OK, SCT_DESCRIPTION, SCT_ROOM, SCT_UNSUPPORTED, SCT_DAMAGED }; /* see sct_message */

typedef struct {
    unsigned codec;   /* enum sct_codec */
    const void *data; /* as stored: in flash, or in a file that is mapped into memory */
    size_t size;
} sct_stream;

typedef struct {
    unsigned positions; /* enum sct_positions: which elements are stored */
    size_t block[2];    /* rows and columns of a block, for SCT_BLOCKS */
    unsigned values;    /* enum sct_values: how they are stored */
    unsigned narrow;    /* enum sct_narrow: the type of the stored SCT_WORDS or SCT_PLANES of a float32 */
    size_t parts;       /* tables of a SCT_CODEBOOK; each is for as many rows */
    unsigned width;     /* bytes of an element: 1, 2, 4 or 8 */
    unsigned rotated;   /* 1 for floats, which are stored rotated left by one bit */
    size_t rows;        /* shape[0]; 1 where there are fewer than two dimensions */
    size_t count;       /* elements */
    size_t stored;      /* elements that are stored */
    size_t nonzero;     /* elements whose bits are not all 0 */
    size_t streams;     /* how many */
    const sct_stream *stream; /* those of the positions, then those of the values, in the file's order */
} sct_tensor;

/* A stream on its way; the fields are the decoder's own. */
typedef struct {
    sct_stream stream;
    size_t at, left; /* bytes of the stream that were used; symbols to come */
    int result;
    unsigned lane, last_lane, next, filled;
    uint8_t chunk[256];   /* symbols: those before `next` were used, those from `filled` on are not there */
    uint8_t symbol[4096]; /* rans: what each slot means */
    uint32_t state[1024]; /* of each lane */
    uint32_t model[512];  /* rans: of each symbol, frequency << 16 | start; adaptive: of each node, counts */
} sct_reader;

/* 21 KB of working memory, whatever the tensor's size; between two calls it may be used for anything. */
typedef struct {
    sct_reader positions, values;
} sct_work;

/* Decode a tensor to `out`: `count` elements, row-major, in this machine's byte order. Answers SCT_OK, or
 * what is wrong; what is in `out` then means nothing. */
int sct_decode(const sct_tensor *tensor, void *out, size_t out_size, sct_work *work);

/* Decode one stream to the `n` bytes that it stands for. */
int sct_decode_stream(const sct_stream *stream, uint8_t *out, size_t n, sct_reader *work);

/* The result as a sentence, for a log. */
const char *sct_message(int result);

#ifdef __cplusplus
}
#endif

#endif
