/** An example of a program that embeds the library. */
@NullMarked
package com.example.fleet;

import org.jspecify.annotations.NullMarked;
