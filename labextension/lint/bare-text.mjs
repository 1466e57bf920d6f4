/**
 * Finds text that a person reads and that no catalogue can translate, as it does not go through `__('…')`.
 *
 * Two things give it away: it looks like words (a space between letters, or a capital followed by small ones), or it
 * stands where only text stands, as the title of an element.
 */
const WORDS = /\p{L}[\p{L}\d,.:;’'"()]* \(?\p{L}|^\p{Lu}\p{Ll}+[.:…]?$|\p{L}…/u;
const LETTER = /\p{L}/u;

/** Attributes and properties that a person reads, or hears. */
const READ = new Set(['title', 'aria-label', 'ariaLabel', 'placeholder', 'alt', 'label', 'caption', 'textContent']);
/** Properties of plugins and of requests, which nobody reads in the page. */
const NOT_READ = new Set(['description', 'headers']);

export const bareText = {
  meta: {
    type: 'problem',
    // The names that are the same in each language; and what is given text, with its place among the arguments.
    schema: [{ type: 'object', properties: { names: { type: 'array' }, takes: { type: 'object' } } }],
    messages: { bare: "A person reads this: say it by __('…'), and translate it in the catalogues." }
  },
  create(context) {
    const { names = [], takes = {} } = context.options[0] ?? {};
    const check = (node, text) => {
      if (
        !names.includes(text.trim()) &&
        !text.startsWith('<') &&
        !isTold(node) &&
        (isText(node, takes) ? LETTER : WORDS).test(text)
      ) {
        context.report({ node, messageId: 'bare' });
      }
    };
    return {
      Literal(node) {
        if (typeof node.value === 'string' && !isOfCode(node)) {
          check(node, node.value);
        }
      },
      TemplateElement(node) {
        check(node, node.value.cooked);
      }
    };
  }
};

/** Whether a literal belongs to the program: an import, a type, a name of a property, a directive, a comparison. */
function isOfCode(node) {
  const { parent } = node;
  return (
    /^(Import|Export|TSLiteralType|TSExternal|SwitchCase)/.test(parent.type) ||
    (parent.type === 'BinaryExpression' && parent.operator !== '+') ||
    (parent.type === 'Property' && parent.key === node) ||
    (parent.type === 'MemberExpression' && parent.property === node) ||
    (parent.type === 'ExpressionStatement' && parent.directive !== undefined)
  );
}

/** Whether a literal is translated, or for the console, or in what nobody reads. */
function isTold(node) {
  for (let inner = node, outer = node.parent; outer; inner = outer, outer = outer.parent) {
    if (outer.type === 'CallExpression' && outer.callee !== inner) {
      const { callee } = outer;
      if (nameOf(callee) === '__' || callee.object?.name === 'console') {
        return true;
      }
    }
    if (outer.type === 'Property' && NOT_READ.has(nameOf(outer.key))) {
      return true;
    }
    if (/Statement$|Function/.test(outer.type)) {
      return false;
    }
  }
  return false;
}

/** Whether a literal stands where only text stands. */
function isText(node, takes) {
  let inner = node.type === 'TemplateElement' ? node.parent : node;
  let outer = inner.parent;
  while (/^(Conditional|Logical)Expression$/.test(outer.type) && outer.test !== inner) {
    [inner, outer] = [outer, outer.parent];
  }
  switch (outer.type) {
    case 'Property':
      return outer.value === inner && READ.has(nameOf(outer.key));
    case 'AssignmentExpression':
      return outer.right === inner && READ.has(nameOf(outer.left));
    case 'CallExpression': {
      const place = outer.arguments.indexOf(inner);
      const called = nameOf(outer.callee);
      return called === 'setAttribute'
        ? place === 1 && READ.has(outer.arguments[0].value)
        : place >= 0 && takes[called] === place;
    }
    default:
      return false;
  }
}

function nameOf(node) {
  return node.type === 'MemberExpression' ? nameOf(node.property) : String(node.name ?? node.value ?? '');
}
