"""Jinja template, compiled by scripts/templates.py; do not edit."""
# ruff: noqa
# mypy: ignore-errors
JINJA = '3.1.6'
SOURCE = 'bfbb3bf39ff33d0b121dca6b3c4581c992ffe558e654f8f01682f5953ba1835d'
from jinja2.runtime import LoopContext, Macro, Markup, Namespace, TemplateNotFound, TemplateReference, TemplateRuntimeError, Undefined, escape, identity, internalcode, markup_join, missing, str_join
name = 'dots.svg.jinja'

def root(context, missing=missing):
    resolve = context.resolve_or_missing
    undefined = environment.undefined
    concat = environment.concat
    cond_expr_undefined = Undefined
    if 0: yield None
    l_0_picture = resolve('picture')
    l_0_facet = resolve('facet')
    l_0_left = l_0_width = l_0_right = l_0_step = l_0_axis = l_0_x = missing
    try:
        t_1 = environment.filters['format']
    except KeyError:
        @internalcode
        def t_1(*unused):
            raise TemplateRuntimeError("No filter named 'format' found.")
    try:
        t_2 = environment.filters['length']
    except KeyError:
        @internalcode
        def t_2(*unused):
            raise TemplateRuntimeError("No filter named 'length' found.")
    try:
        t_3 = environment.filters['word']
    except KeyError:
        @internalcode
        def t_3(*unused):
            raise TemplateRuntimeError("No filter named 'word' found.")
    try:
        t_4 = environment.tests['none']
    except KeyError:
        @internalcode
        def t_4(*unused):
            raise TemplateRuntimeError("No test named 'none' found.")
    pass
    (l_0_left, l_0_width, l_0_right, l_0_step) = (200, 480, 80, 22)
    context.vars.update({'left': l_0_left, 'right': l_0_right, 'step': l_0_step, 'width': l_0_width})
    context.exported_vars.update(('left', 'right', 'step', 'width'))
    l_0_axis = environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'axis')
    context.vars['axis'] = l_0_axis
    context.exported_vars.add('axis')
    def macro(l_1_value):
        t_5 = []
        if l_1_value is missing:
            l_1_value = undefined("parameter 'value' was not provided", name='value')
        pass
        t_5.append(
            escape(environment.finalize(t_1('%.1f', ((undefined(name='left') if l_0_left is missing else l_0_left) + ((undefined(name='width') if l_0_width is missing else l_0_width) * context.call(environment.getattr((undefined(name='axis') if l_0_axis is missing else l_0_axis), 'locate'), l_1_value)))))),
        )
        return concat(t_5)
    context.exported_vars.add('x')
    context.vars['x'] = l_0_x = Macro(environment, macro, 'x', ('value',), False, False, False, context.eval_ctx.autoescape)
    yield '<svg xmlns="http://www.w3.org/2000/svg" role="img" width="'
    yield escape(environment.finalize((((undefined(name='left') if l_0_left is missing else l_0_left) + (undefined(name='width') if l_0_width is missing else l_0_width)) + (undefined(name='right') if l_0_right is missing else l_0_right))))
    yield '" height="'
    yield escape(environment.finalize((((undefined(name='step') if l_0_step is missing else l_0_step) * t_2(environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'dots'))) + 52)))
    yield '" viewBox="0 0 '
    yield escape(environment.finalize((((undefined(name='left') if l_0_left is missing else l_0_left) + (undefined(name='width') if l_0_width is missing else l_0_width)) + (undefined(name='right') if l_0_right is missing else l_0_right))))
    yield ' '
    yield escape(environment.finalize((((undefined(name='step') if l_0_step is missing else l_0_step) * t_2(environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'dots'))) + 52)))
    yield '" font-family="sans-serif" font-size="12"><title>'
    yield escape(environment.finalize(environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'metric')))
    yield ' by '
    yield escape(environment.finalize(environment.getattr((undefined(name='facet') if l_0_facet is missing else l_0_facet), 'column')))
    yield '</title>\n<rect width="100%" height="100%" fill="#fff"/>\n<g fill="#545d6b"><text x="'
    yield escape(environment.finalize((undefined(name='left') if l_0_left is missing else l_0_left)))
    yield '" y="14">'
    if environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'below'):
        pass
        yield '← '
        yield escape(environment.finalize(environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'below')))
    yield '</text><text x="'
    yield escape(environment.finalize(((undefined(name='left') if l_0_left is missing else l_0_left) + (undefined(name='width') if l_0_width is missing else l_0_width))))
    yield '" y="14" text-anchor="end">'
    yield escape(environment.finalize(environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'above')))
    yield ' →</text>\n'
    for l_1_tick in environment.getattr((undefined(name='axis') if l_0_axis is missing else l_0_axis), 'ticks'):
        l_1_formatting = resolve('formatting')
        _loop_vars = {}
        pass
        yield '<text x="'
        yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), l_1_tick, _loop_vars=_loop_vars)))
        yield '" y="32" text-anchor="middle">'
        yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_1_formatting is missing else l_1_formatting), 'format_tick'), l_1_tick, _loop_vars=_loop_vars)))
        yield '</text>'
    l_1_tick = l_1_formatting = missing
    yield '<text x="'
    yield escape(environment.finalize(((((undefined(name='left') if l_0_left is missing else l_0_left) + (undefined(name='width') if l_0_width is missing else l_0_width)) + (undefined(name='right') if l_0_right is missing else l_0_right)) - 4)))
    yield '" y="32" text-anchor="end">'
    yield escape(environment.finalize(environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'metric')))
    yield '</text></g>\n'
    l_1_loop = missing
    for l_1_dot, l_1_loop in LoopContext(environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'dots'), undefined):
        l_1_start = resolve('start')
        l_1_end = resolve('end')
        l_1_formatting = resolve('formatting')
        l_1_kind = resolve('kind')
        l_1_measurement = l_1_middle = l_1_top = missing
        _loop_vars = {}
        pass
        l_1_measurement = environment.getattr(l_1_dot, 'measurement')
        _loop_vars['measurement'] = l_1_measurement
        l_1_middle = (49 + ((undefined(name='step') if l_0_step is missing else l_0_step) * environment.getattr(l_1_loop, 'index0')))
        _loop_vars['middle'] = l_1_middle
        l_1_top = ((undefined(name='middle') if l_1_middle is missing else l_1_middle) - 11)
        _loop_vars['top'] = l_1_top
        if ((not t_4(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'))) or (not t_4(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high')))):
            pass
            l_1_start = (context.call(environment.getattr((undefined(name='axis') if l_0_axis is missing else l_0_axis), 'locate'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'), _loop_vars=_loop_vars) if (not t_4(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'))) else 0)
            _loop_vars['start'] = l_1_start
            l_1_end = (context.call(environment.getattr((undefined(name='axis') if l_0_axis is missing else l_0_axis), 'locate'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high'), _loop_vars=_loop_vars) if (not t_4(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high'))) else 1)
            _loop_vars['end'] = l_1_end
            yield '<rect x="'
            yield escape(environment.finalize(t_1('%.1f', ((undefined(name='left') if l_0_left is missing else l_0_left) + ((undefined(name='width') if l_0_width is missing else l_0_width) * (undefined(name='start') if l_1_start is missing else l_1_start))))))
            yield '" y="'
            yield escape(environment.finalize((undefined(name='top') if l_1_top is missing else l_1_top)))
            yield '" width="'
            yield escape(environment.finalize(t_1('%.1f', ((undefined(name='width') if l_0_width is missing else l_0_width) * ((undefined(name='end') if l_1_end is missing else l_1_end) - (undefined(name='start') if l_1_start is missing else l_1_start))))))
            yield '" height="'
            yield escape(environment.finalize((undefined(name='step') if l_0_step is missing else l_0_step)))
            yield '" fill="#dcefe3"/>\n'
        for l_2_tick in environment.getattr((undefined(name='axis') if l_0_axis is missing else l_0_axis), 'ticks'):
            _loop_vars = {}
            pass
            yield '<path d="M'
            yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), l_2_tick, _loop_vars=_loop_vars)))
            yield ' '
            yield escape(environment.finalize((undefined(name='top') if l_1_top is missing else l_1_top)))
            yield 'v'
            yield escape(environment.finalize((undefined(name='step') if l_0_step is missing else l_0_step)))
            yield '" stroke="'
            yield escape(environment.finalize(('#545d6b' if (l_2_tick == environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'parity')) else '#e6e9ee')))
            yield '"/>'
        l_2_tick = missing
        def t_6(fiter):
            for l_2_bound in fiter:
                if ((not t_4(l_2_bound)) and context.call(environment.getattr((undefined(name='axis') if l_0_axis is missing else l_0_axis), 'contains'), l_2_bound)):
                    yield l_2_bound
        for l_2_bound in t_6((environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high'))):
            _loop_vars = {}
            pass
            yield '<path d="M'
            yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), l_2_bound, _loop_vars=_loop_vars)))
            yield ' '
            yield escape(environment.finalize((undefined(name='top') if l_1_top is missing else l_1_top)))
            yield 'v'
            yield escape(environment.finalize((undefined(name='step') if l_0_step is missing else l_0_step)))
            yield '" stroke="#17693f" stroke-dasharray="3 3"/>'
        l_2_bound = missing
        yield '<text x="4" y="'
        yield escape(environment.finalize(((undefined(name='middle') if l_1_middle is missing else l_1_middle) + 4)))
        yield '" fill="#1a1f27"'
        if (t_3(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'outcome')) == 'violation'):
            pass
            yield ' font-weight="bold"'
        yield '>'
        yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_1_formatting is missing else l_1_formatting), 'shorten'), context.call(environment.getattr((undefined(name='formatting') if l_1_formatting is missing else l_1_formatting), 'escape_invisible'), environment.getattr(environment.getattr(l_1_dot, 'group'), 'value'), _loop_vars=_loop_vars), 28, _loop_vars=_loop_vars)))
        yield '</text>\n'
        if t_4(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value')):
            pass
            yield '<text x="'
            yield escape(environment.finalize(((undefined(name='left') if l_0_left is missing else l_0_left) + 6)))
            yield '" y="'
            yield escape(environment.finalize(((undefined(name='middle') if l_1_middle is missing else l_1_middle) + 4)))
            yield '" fill="#545d6b" font-style="italic">not defined</text>\n'
        else:
            pass
            if (not t_4(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before'))):
                pass
                yield '<path d="M'
                yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before'), _loop_vars=_loop_vars)))
                yield ' '
                yield escape(environment.finalize((undefined(name='middle') if l_1_middle is missing else l_1_middle)))
                yield 'H'
                yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value'), _loop_vars=_loop_vars)))
                yield '" stroke="#545d6b" stroke-dasharray="2 2"/><circle cx="'
                yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before'), _loop_vars=_loop_vars)))
                yield '" cy="'
                yield escape(environment.finalize((undefined(name='middle') if l_1_middle is missing else l_1_middle)))
                yield '" r="4" fill="#fff" stroke="#545d6b"/>'
            if environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'interval'):
                pass
                yield '<path d="M'
                yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), environment.getitem(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'interval'), 0), _loop_vars=_loop_vars)))
                yield ' '
                yield escape(environment.finalize((undefined(name='middle') if l_1_middle is missing else l_1_middle)))
                yield 'H'
                yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), environment.getitem(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'interval'), 1), _loop_vars=_loop_vars)))
                def t_7(fiter):
                    for l_2_end in fiter:
                        if context.call(environment.getattr((undefined(name='axis') if l_0_axis is missing else l_0_axis), 'contains'), l_2_end):
                            yield l_2_end
                for l_2_end in t_7(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'interval')):
                    _loop_vars = {}
                    pass
                    yield 'M'
                    yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), l_2_end, _loop_vars=_loop_vars)))
                    yield ' '
                    yield escape(environment.finalize(((undefined(name='middle') if l_1_middle is missing else l_1_middle) - 4)))
                    yield 'v8'
                l_2_end = missing
                yield '" stroke="#1a1f27" fill="none"/>'
            l_1_kind = t_3(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'outcome'))
            _loop_vars['kind'] = l_1_kind
            if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) == 'violation'):
                pass
                yield '<path d="M'
                yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value'), _loop_vars=_loop_vars)))
                yield ' '
                yield escape(environment.finalize(((undefined(name='middle') if l_1_middle is missing else l_1_middle) - 7)))
                yield 'l7 7-7 7-7-7z" fill="#b3261e"/>\n'
            elif ((undefined(name='kind') if l_1_kind is missing else l_1_kind) == 'inconclusive'):
                pass
                yield '<path d="M'
                yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value'), _loop_vars=_loop_vars)))
                yield ' '
                yield escape(environment.finalize(((undefined(name='middle') if l_1_middle is missing else l_1_middle) - 6)))
                yield 'l6.5 11h-13z" fill="#fff" stroke="#8a5200" stroke-width="2"/>\n'
            else:
                pass
                yield '<circle cx="'
                yield escape(environment.finalize(context.call((undefined(name='x') if l_0_x is missing else l_0_x), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value'), _loop_vars=_loop_vars)))
                yield '" cy="'
                yield escape(environment.finalize((undefined(name='middle') if l_1_middle is missing else l_1_middle)))
                yield '" r="5" '
                if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) == 'ignored'):
                    pass
                    yield 'fill="#fff" stroke="#545d6b"'
                else:
                    pass
                    yield 'fill="'
                    yield escape(environment.finalize(('#17693f' if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) == 'pass') else '#1d5fa8')))
                    yield '"'
                yield '/>\n'
            yield '<text x="'
            yield escape(environment.finalize(((((undefined(name='left') if l_0_left is missing else l_0_left) + (undefined(name='width') if l_0_width is missing else l_0_width)) + (undefined(name='right') if l_0_right is missing else l_0_right)) - 4)))
            yield '" y="'
            yield escape(environment.finalize(((undefined(name='middle') if l_1_middle is missing else l_1_middle) + 4)))
            yield '" text-anchor="end" fill="#1a1f27">'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_1_formatting is missing else l_1_formatting), 'format_number'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value'), environment.getattr((undefined(name='picture') if l_0_picture is missing else l_0_picture), 'decimals'), _loop_vars=_loop_vars)))
            yield '</text>\n'
    l_1_loop = l_1_dot = l_1_measurement = l_1_middle = l_1_top = l_1_start = l_1_end = l_1_formatting = l_1_kind = missing
    yield '</svg>'

blocks = {}
debug_info = '2=38&3=41&4=44&5=56&7=68&8=79&9=90&10=95&11=103&12=109&13=111&14=116&16=124&17=137&18=153&19=161&20=164&22=170&23=183&24=205&25=207&26=210&27=214&28=217&30=224&32=238'
