/* The geometry of convolution and pooling. */
#ifndef SECATEUR_WINDOW_H
#define SECATEUR_WINDOW_H

typedef struct {
    int rows, columns;         /* of the input */
    int out_rows, out_columns; /* of the output */
    int kernel_rows, kernel_columns;
    int stride_rows, stride_columns;
    int dilation_rows, dilation_columns;
    int above, left; /* padding */
} window_t;

#endif
