/** What the builder's own configuration leaves out: it minifies the script, and takes the style as it stands. */
module.exports = {
  module: {
    rules: [{ test: /\.css$/, enforce: 'pre', loader: 'builtin:lightningcss-loader', options: { minify: true } }]
  }
};
